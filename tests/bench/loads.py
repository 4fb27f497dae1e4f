"""What loads a server: wrk as fast as it goes, h2load at a rate, and plain sockets for what must be
an exact number of requests or of connections."""

import contextlib
import json
import os
import re
import resource
import socket
import subprocess
import threading
import urllib.request
from dataclasses import dataclass

from processes import BenchError

HERE = os.path.dirname(os.path.abspath(__file__))
GRACE_SECONDS = 30  # beyond its own duration no load may take longer
PIPELINE = 32       # requests in one write, where only their number matters
RATE_REACHED = 0.95  # a percentile at a lower rate than was asked for would say nothing


@dataclass(frozen=True)
class Requests:
    """Requests of one kind, as wrk/requests.lua makes them."""
    path: str = "/orders/42"
    method: str = "GET"
    fields: tuple = ()         # "Name: value"
    body_bytes: int = 0
    count: int = 0             # of values for {n} in the path; 0 for a path without
    order: str = "each"
    connections: int = 32
    threads: int = 1           # of wrk
    refused: bool = False      # whether every answer must be one of 400 and above, or none


def run_wrk(server, script, arguments, seconds, connections, threads, fields=()):
    """Returns what wrk/report.lua says."""
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s",
               "-s", os.path.join(HERE, "wrk", script)]
    for field in fields:
        command += ["-H", field]
    command += [server.url("/"), "--", *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, text=True,
                              timeout=seconds + GRACE_SECONDS, check=False)
    line = re.search(r"^bench (\{.*\})$", finished.stdout, re.MULTILINE)
    if finished.returncode != 0 or not line:
        raise BenchError(f"wrk failed: {finished.stdout}{finished.stderr}")
    result = json.loads(line.group(1))
    if result["requests"] == 0:
        raise BenchError(f"{server.name} answered nothing; its log ends with:\n{server.log()}")
    return result


def load(server, requests, seconds):
    """Loads the server with wrk, and sees that it answered as it should."""
    arguments = [requests.method, requests.path, requests.body_bytes, requests.count,
                 requests.order]
    result = run_wrk(server, "requests.lua", arguments, seconds, requests.connections,
                     requests.threads, requests.fields)
    expected = result["requests"] if requests.refused else 0
    if abs(result["refused"] - expected) > requests.connections or result["failed"]:
        raise BenchError(f"{server.name} gave {result['refused']} refusals in "
                         f"{result['requests']} answers, and {result['failed']} connections failed")
    return result


def load_at_rate(server, path, rate, connections, seconds, log_path):
    """Loads the server with h2load at so many requests a second over all connections, or as fast as
    it goes if there is no rate. The percentiles are those of its log, one line a request."""
    command = ["h2load", "--h1", "-t1", f"-c{connections}", f"-D{seconds}",
               f"--log-file={log_path}"]
    if rate:
        command.append(f"--rps={rate / connections:.3f}")
    with contextlib.suppress(FileNotFoundError):
        os.remove(log_path)
    finished = subprocess.run([*command, server.url(path)], capture_output=True, text=True,
                              timeout=seconds + GRACE_SECONDS, check=False)
    if finished.returncode != 0 or " 0 failed, 0 errored, 0 timeout" not in finished.stdout:
        raise BenchError(f"h2load failed: {finished.stdout}{finished.stderr}")
    times = []
    with open(log_path, encoding="ascii") as log:
        for line in log:
            _, status, microseconds = line.split()
            if status != "200":
                raise BenchError(f"{server.name} answered {status} under h2load")
            times.append(int(microseconds))
    if not times or (rate and len(times) < RATE_REACHED * rate * seconds):
        raise BenchError(f"{server.name} gave h2load {len(times)} answers in {seconds} s")
    times.sort()
    return {"requests": len(times), "seconds": seconds,
            "p50_us": times[len(times) // 2], "p99_us": times[len(times) * 99 // 100]}


def load_new_sessions(server, path, seconds):
    """One client that makes a TLS session for each request and resumes none."""
    command = ["openssl", "s_time", "-connect", f"127.0.0.1:{server.port}", "-www", path, "-new",
               "-time", str(seconds)]
    finished = subprocess.run(command, capture_output=True, text=True,
                              timeout=seconds + GRACE_SECONDS, check=False)
    made = re.search(r"^(\d+) connections in (\d+) real seconds, (\d+) bytes read per connection",
                     finished.stdout, re.MULTILINE)
    if finished.returncode != 0 or not made or int(made.group(3)) < 900:
        raise BenchError(f"openssl s_time failed: {finished.stdout[-500:]}{finished.stderr}")
    return {"requests": int(made.group(1)), "seconds": seconds}


@contextlib.contextmanager
def read_every_second(url):
    """Reads a page now and then once a second, for as long as the context lasts."""
    ended = threading.Event()
    failed = []

    def read():
        while True:
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    answer.read()
            except OSError as error:
                failed.append(error)
                return
            if ended.wait(1):
                return
    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield
    finally:
        ended.set()
        reader.join()
    if failed:
        raise BenchError(f"{url}: {failed[0]}")


def receive_answers(connection, count):
    """Reads so many answers, each 200 and framed by its length, and returns their octets."""
    data = b""
    while data.count(b"HTTP/1.1 200 OK\r\n") < count or not _last_is_whole(data):
        piece = connection.recv(1 << 20)
        if not piece:
            raise BenchError(f"a connection ended after: {data[-200:]!r}")
        data += piece
    return data


def _last_is_whole(data):
    head, end, body = data[data.rfind(b"HTTP/1.1 200 OK\r\n"):].partition(b"\r\n\r\n")
    return end and len(body) >= int(re.search(rb"(?i)\ncontent-length: (\d+)", head).group(1))


def read_each(server, path, count, connections=16):
    """Reads `path` with each number below `count` in the place of {n}, pipelined: for filling a
    record, not for measuring. Returns the tag of the last answer."""
    with contextlib.ExitStack() as closing:
        sockets = [closing.enter_context(socket.create_connection(("127.0.0.1", server.port), 10))
                   for _ in range(connections)]
        before, after = path.split("{n}")
        head = f"GET {before}".encode()
        tail = f"{after} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
        for first in range(0, count, PIPELINE * connections):
            sent = []
            for at, connection in enumerate(sockets):
                begin = first + at * PIPELINE
                numbers = range(begin, min(begin + PIPELINE, count))
                if numbers:
                    connection.sendall(b"".join(b"%b%d%b" % (head, n, tail) for n in numbers))
                    sent.append((connection, len(numbers)))
            for connection, expected in sent:
                last = receive_answers(connection, expected)
    return re.findall(rb"(?im)^etag: (.*?)\r$", last)[-1].decode()


def fetch(server, path, fields=()):
    """One GET of its own: (status, entity-tag or None)."""
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", "Connection: close",
                 *fields, "", ""]
        connection.sendall("\r\n".join(lines).encode())
        data = b""
        while piece := connection.recv(1 << 20):
            data += piece
    head = data.partition(b"\r\n\r\n")[0].decode()
    tag = re.search(r"(?im)^etag: (.*?)\r?$", head)
    return int(head.split()[1]), tag.group(1) if tag else None


def hold_connections(server, path, count):
    """Opens so many connections, each of which has one request answered, and returns them all."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 1000:
        raise BenchError(f"{count} connections need more files than the {hard} allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
    held = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", server.port), 10)
        held.append(connection)
        connection.sendall(request)
        receive_answers(connection, 1)
    return held
