"""A server that runs as a child: its start, its CPU time, its memory and its end."""

import os
import signal
import socket
import subprocess
import time
from collections import namedtuple

START_SECONDS = 10
STOP_SECONDS = 10

Cpu = namedtuple("Cpu", "total_seconds user_ticks system_ticks")
Memory = namedtuple("Memory", "rss_kib pss_kib")


class BenchError(Exception):
    """A measurement that would not mean what it says."""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def read_text(path):
    """The text of a file of /proc; empty if its process has gone meanwhile."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


class Server:
    """A child process that listens on a port, with the children that it starts itself."""

    def __init__(self, name, arguments, port, log_path, environment=None, scheme="http"):
        self.name = name
        self.port = port
        self._scheme = scheme
        self._log_path = log_path
        with open(log_path, "ab") as log:
            self._process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(environment or {})})
        give_up = time.monotonic() + START_SECONDS
        while not self._accepts():
            if self._process.poll() is not None or time.monotonic() > give_up:
                self.stop()
                raise BenchError(f"{name} did not start:\n{self.log()}")
            time.sleep(0.02)

    def url(self, path):
        return f"{self._scheme}://127.0.0.1:{self.port}{path}"

    def log(self):
        with open(self._log_path, encoding="utf-8", errors="replace") as log:
            return log.read()[-4000:]

    def cpu(self):
        """What all its threads used so far. The scheduler's own count is exact to the nanosecond;
        how it divides into user and system time comes from the coarser one in ticks."""
        nanoseconds = user = system = 0
        for pid in self._pids():
            for thread in os.listdir(f"/proc/{pid}/task"):
                spent = read_text(f"/proc/{pid}/task/{thread}/schedstat").split()
                nanoseconds += int(spent[0]) if spent else 0
            fields = self._stat(pid)
            user += int(fields[11])
            system += int(fields[12])
        return Cpu(nanoseconds / 1e9, user, system)

    def memory(self):
        """Resident and proportional memory of all its processes."""
        sums = {"Rss": 0, "Pss": 0}
        for pid in self._pids():
            for line in read_text(f"/proc/{pid}/smaps_rollup").splitlines():
                name, _, value = line.partition(":")
                if name in sums:
                    sums[name] += int(value.split()[0])
        return Memory(sums["Rss"], sums["Pss"])

    def stop(self):
        if self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        """For one that has nothing to finish: its own children go first."""
        for pid in reversed(self._pids()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self._process.wait()

    def _accepts(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2):
                return True
        except OSError:
            return False

    def _pids(self):
        own = self._process.pid
        return [own, *(pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
                       if self._parent(pid) == own)]

    def _parent(self, pid):
        fields = self._stat(pid)
        return int(fields[1]) if fields else None

    @staticmethod
    def _stat(pid):
        """The fields of proc(5) from the third on; none if it has gone."""
        return read_text(f"/proc/{pid}/stat").rpartition(")")[2].split()
