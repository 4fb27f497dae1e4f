"""The API and everything that is put in front of it, each started from a file of config/."""

import os
import shutil
import subprocess
import urllib.request

from processes import Server, free_port

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
RELEASE = os.path.join(ROOT, "build", "release")
BODY_BYTES = 900
PEERS = ("nginx", "relay", "haproxy", "caddy", "lua")


def json_of(size):
    """A JSON object of so many octets."""
    empty = '{"id":42,"note":""}'
    return empty[:-2] + "x" * (size - len(empty)) + empty[-2:]


def program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") or name


class Lab:
    """A folder, the API, and the proxies in front of it. Whatever it started it stops."""

    def __init__(self, folder, binaries):
        self.folder = folder
        self.binaries = binaries  # of ifmatch, by the name under which each is reported
        self._started = 0
        self._proxies = []
        self._apis = []
        files = os.path.join(folder, "files")
        os.makedirs(files)
        for name, size in (("64k", 64 << 10), ("1m", 1 << 20)):
            with open(os.path.join(files, name), "w", encoding="ascii") as file:
                file.write(json_of(size))
        self.set_state("A")
        self._status_port = free_port()
        self.api = self._nginx("upstream", "upstream.conf", free_port(), threads=1,
                               status_port=self._status_port, body=json_of(BODY_BYTES))
        self._apis.append(self.api)

    def set_state(self, state):
        """Changes what every path below /state/ shows. The new file takes the place of the old in
        one step."""
        path = os.path.join(self.folder, "files", "state")
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(json_of(BODY_BYTES).replace("42", f'"{state}"'))
        os.replace(path + ".new", path)

    def api_requests(self):
        """How many requests the API has had. Asking for it counts as one, of which this and the
        next call differ."""
        url = f"http://127.0.0.1:{self._status_port}/"
        with urllib.request.urlopen(url, timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return int(lines[2].split()[2])

    def slow_store(self, delay_milliseconds):
        port = free_port()
        binary = os.path.join(RELEASE, "tests", "bench", "bench_slow_store")
        store = Server("slow store", [binary, str(port), str(delay_milliseconds)], port,
                       self._log("slow_store"))
        self._apis.append(store)
        return store

    def peer(self, name, threads=1, api=None, tls=False, logged=False):
        """Starts one of PEERS in front of the API. All but `relay` and `lua` can speak TLS to their
        clients, and `nginx` can keep an access log."""
        start = {"nginx": self._start_nginx, "relay": self._start_relay, "lua": self._start_lua,
                 "haproxy": self._start_haproxy, "caddy": self._start_caddy}[name]
        chosen = {"tls": tls} if tls else {}
        if logged:
            chosen["logged"] = logged
        return self._keep(start((api or self.api).port, threads, **chosen))

    def ifmatch(self, name, threads=1, api=None, mode="enforce", check="confirm", tls=False,
                logged=False, admin="none"):
        """Starts one of `binaries` in front of the API."""
        port = free_port()
        config = self._configure(
            "ifmatch.yaml", name, port=port, threads=threads, mode=mode, check=check, admin=admin,
            api_port=(api or self.api).port, access_log=self._access_log() if logged else "off",
            tls=", tls: { certificate: %s, key: %s }" % self.certificate() if tls else "")
        return self._keep(Server(name, [self.binaries[name], "run", "-c", config], port,
                                 self._log(name), scheme="https" if tls else "http"))

    def certificate(self):
        """The paths of a certificate for 127.0.0.1 and of its key (P-256), made when first asked
        for; what HAProxy reads, both in one file, lies beside them."""
        certificate = os.path.join(self.folder, "tls.crt")
        key = os.path.join(self.folder, "tls.key")
        if not os.path.exists(certificate):
            subprocess.run(
                [program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=127.0.0.1", "-addext",
                 "subjectAltName=IP:127.0.0.1", "-days", "2", "-keyout", key, "-out", certificate],
                check=True, capture_output=True, timeout=30)
            with open(os.path.join(self.folder, "tls.pem"), "w", encoding="ascii") as both:
                for path in (certificate, key):
                    with open(path, encoding="ascii") as part:
                        both.write(part.read())
        return certificate, key

    def stop_proxies(self):
        """Ends the proxies, and every API but the common one."""
        self._stop(self._proxies)
        self._stop(self._apis[1:])
        del self._apis[1:]

    def stop(self):
        self.stop_proxies()
        self._stop(self._apis)

    def _keep(self, server):
        self._proxies.append(server)
        return server

    @staticmethod
    def _stop(servers):
        for server in reversed(servers):
            server.stop()
        servers.clear()

    def _start_nginx(self, api_port, threads, tls=False, logged=False):
        spoken = "ssl_certificate %s; ssl_certificate_key %s;" % self.certificate() if tls else ""
        return self._nginx("nginx", "nginx.conf", free_port(), "https" if tls else "http",
                           threads=threads, api_port=api_port, ssl="ssl" if tls else "", tls=spoken,
                           access_log=self._access_log() + " combined buffer=64k flush=1s"
                           if logged else "off")

    def _start_lua(self, api_port, threads):
        return self._nginx("lua", "lua.conf", free_port(), threads=threads, api_port=api_port)

    def _start_relay(self, api_port, _threads):
        port = free_port()
        binary = os.path.join(RELEASE, "tests", "bench", "bench_relay")
        return Server("relay", [binary, str(port), str(api_port)], port, self._log("relay"))

    def _start_haproxy(self, api_port, threads, tls=False):
        port = free_port()
        spoken = f"ssl crt {self.certificate()[0][:-3]}pem" if tls else ""
        config = self._configure("haproxy.cfg", "haproxy", port=port, api_port=api_port,
                                 threads=threads, tls=spoken)
        return Server("haproxy", [program("haproxy"), "-db", "-f", config], port,
                      self._log("haproxy"), scheme="https" if tls else "http")

    def _start_caddy(self, api_port, threads, tls=False):
        port = free_port()
        scheme = "https" if tls else "http"
        config = self._configure("Caddyfile", "caddy", port=port, api_port=api_port, scheme=scheme,
                                 tls="tls %s %s" % self.certificate() if tls else "")
        arguments = [program("caddy"), "run", "--adapter", "caddyfile", "--config", config]
        return Server("caddy", arguments, port, self._log("caddy"), {
            "GOMAXPROCS": str(threads), "HOME": self.folder,
            "XDG_CONFIG_HOME": self.folder, "XDG_DATA_HOME": self.folder}, scheme)

    def _nginx(self, name, template, port, scheme="http", **values):
        # Its workers would otherwise change to a user who may not see the folder.
        user = "user root;" if os.geteuid() == 0 else ""
        config = self._configure(template, name, port=port, user=user, **values)
        arguments = [program("nginx"), "-e", "stderr", "-p", self.folder, "-c", config]
        return Server(name, arguments, port, self._log(name), scheme=scheme)

    def _configure(self, template, name, **values):
        """Fills in a file of config/ and returns the path of the copy."""
        self._started += 1
        with open(os.path.join(HERE, "config", template), encoding="utf-8") as file:
            text = file.read()
        values.update(name=f"{name}-{self._started}", folder=self.folder, here=HERE)
        for key, value in values.items():
            text = text.replace(f"@{key}@", str(value))
        path = os.path.join(self.folder, f"{self._started}-{template}")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def _access_log(self):
        """A path for a log that nobody reads."""
        return os.path.join(self.folder, f"access-{self._started + 1}.log")

    def _log(self, name):
        return os.path.join(self.folder, f"{name}-{self._started}.log")
