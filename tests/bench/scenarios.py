"""What is measured. A scenario starts its targets and says how each is loaded; goals.py says what
the figures should be."""

import hashlib
import os
import time
from dataclasses import dataclass, replace

from loads import (Requests, fetch, load, load_at_rate, load_new_sessions, read_each,
                   read_every_second)
from measure import Scenario, Target, sample
from processes import free_port
from servers import BODY_BYTES, PEERS, json_of
from idle_and_hot import HOT, IDLE

GET = Requests()
MIB = 1 << 20
SATURATION_SECONDS = 3
RATE_SHARE = 0.6
RATE_CONNECTIONS = 32
FILL_PER_SECOND = 40_000


def put(tag, **changes):
    """A PUT of the same size as the GETs, on condition that the tag is current."""
    return Requests(method="PUT", body_bytes=BODY_BYTES, fields=(f"If-Match: {tag}",), **changes)


def loaded(label, lab, server, requests, trips=1, reference="nginx"):
    """A target that wrk loads with requests of one kind."""
    def measure(seconds):
        return sample(server, lambda: load(server, requests, seconds), lab, trips,
                      requests.connections)
    return Target(label, measure, reference)


@dataclass
class Beside:
    """Builds a scenario in which ifmatch does something and its peers pass a request on."""
    theirs: Requests = GET
    ours: object = None   # (lab, server) -> Requests, where they are not the same as `theirs`
    peers: tuple = ("nginx",)
    threads: int = 1
    mode: str = "enforce"
    check: str = "confirm"
    trips: int = 1        # of ifmatch, for each request
    tls: bool = False     # between the client and the proxy

    def __call__(self, lab, peers):
        targets = [loaded(name, lab, lab.peer(name, self.threads, tls=self.tls), self.theirs)
                   for name in self.peers if name in peers]
        for name in lab.binaries:
            server = lab.ifmatch(name, self.threads, mode=self.mode, check=self.check, tls=self.tls)
            requests = self.ours(lab, server) if self.ours else self.theirs
            targets.append(loaded(name, lab, server, requests, self.trips))
        return targets


def unchanged(_lab, server):
    return replace(GET, fields=(f"If-None-Match: {fetch(server, GET.path)[1]}",))


def confirmed_put(_lab, server):
    # The tag is that of the bytes, so one tag is right for every path.
    return put(fetch(server, GET.path)[1], path="/orders/{n}", count=1000)


def stale_put(lab, server):
    """A PUT that names the version before the last one; both were read through the server."""
    path = "/state/1"
    lab.set_state("A")
    _, stale = fetch(server, path)
    lab.set_state("B")
    _, current = fetch(server, path)
    assert stale and current and stale != current
    return put(stale, path=path, refused=True)


def with_sha256(lab, peers):
    """The 1 MiB GETs, and what it costs to hash the same octets and nothing else. Few connections,
    because answers that are cut off at the end were paid for but are not counted."""
    body = json_of(MIB).encode()

    def measure(seconds):
        began, rounds = time.thread_time(), 0
        while (spent := time.thread_time() - began) < seconds / 4:
            hashlib.sha256(body).digest()
            rounds += 1
        return {"requests": rounds, "cpu_us": spent * 1e6 / rounds}
    big = replace(GET, path="/1m", connections=8)
    return Beside(big, peers=PEERS)(lab, peers) + [Target("sha256", measure)]


def recorded_put(lab, peers):
    """Each PUT names a resource that was read once and not written since: that is what `recorded`
    needs to do without a probe. The reads are made before each measurement and not counted."""
    path = "/orders/{n}"
    targets = [loaded("nginx", lab, lab.peer("nginx"), put('"any"', path=path, count=1000))]
    for name in lab.binaries:
        server = lab.ifmatch(name, check="recorded")

        def measure(seconds, server=server):
            count = FILL_PER_SECOND * seconds
            while True:
                tag = read_each(server, path, count)
                requests = put(tag, path=path, count=count)
                taken = sample(server, lambda: load(server, requests, seconds), lab)
                if taken["requests"] <= count:
                    assert abs(taken["trips"] - 1) < 0.02, taken
                    return taken
                count *= 2
        targets.append(Target(name, measure))
    return targets


def at_a_rate(lab, peers):
    """All at the same rate: a share of what nginx can do at most."""
    del peers
    log = os.path.join(lab.folder, "h2load.log")
    servers = {"nginx": lab.peer("nginx"), **{name: lab.ifmatch(name) for name in lab.binaries}}
    full = load_at_rate(servers["nginx"], GET.path, None, RATE_CONNECTIONS, SATURATION_SECONDS, log)
    rate = RATE_SHARE * full["requests"] / full["seconds"]

    def target(label, server):
        def measure(seconds):
            return sample(server, lambda: load_at_rate(
                server, GET.path, rate, RATE_CONNECTIONS, seconds, log), lab, 1, RATE_CONNECTIONS)
        return Target(label, measure)
    return [target(label, server) for label, server in servers.items()]


def handshakes(lab, peers):
    """One request on each connection, and never a session resumed."""
    def target(name, server):
        def measure(seconds):
            return sample(server, lambda: load_new_sessions(server, GET.path, seconds), lab, 1, 1)
        return Target(name, measure)
    return [target(name, lab.peer(name, tls=True))
            for name in ("nginx", "haproxy", "caddy") if name in peers] + [
                target(name, lab.ifmatch(name, tls=True)) for name in lab.binaries]


def in_sight(lab, peers):
    """With an access log and without; ifmatch has its metrics read once a second beside it."""
    del peers
    targets = [loaded("nginx", lab, lab.peer("nginx"), GET),
               loaded("nginx, logged", lab, lab.peer("nginx", logged=True), GET)]
    for name in lab.binaries:
        targets.append(loaded(name, lab, lab.ifmatch(name), GET))
        port = free_port()
        watched = lab.ifmatch(name, logged=True, admin=f"127.0.0.1:{port}")

        def measure(seconds, server=watched, port=port):
            def run():
                with read_every_second(f"http://127.0.0.1:{port}/metrics"):
                    return load(server, GET, seconds)
            return sample(server, run, lab, 1, GET.connections)
        targets.append(Target(f"{name}, in sight", measure, name))
    return targets


def few_and_many(lab, peers):
    """GETs of 10 and of 1,000,000 resources, in random order; all of them are recorded before."""
    del peers
    spread = replace(GET, path="/orders/{n}", order="any")
    targets = [loaded("nginx", lab, lab.peer("nginx"), replace(spread, count=1_000_000))]
    for name in lab.binaries:
        for count in (10, 1_000_000):
            server = lab.ifmatch(name)
            read_each(server, "/warm/{n}", 1000)
            before = server.memory()
            read_each(server, spread.path, count)
            grown = (server.memory().pss_kib - before.pss_kib) / 1024

            def measure(seconds, server=server, count=count, grown=grown):
                requests = replace(spread, count=count)
                taken = sample(server, lambda: load(server, requests, seconds), lab, 1,
                               requests.connections)
                return {**taken, "record_mib": grown}
            targets.append(Target(f"{name}, {count:,} resources", measure,
                                  "nginx" if count == 10 else f"{name}, 10 resources"))
    return targets


def flood(lab, peers):
    """Requests that are refused, beside good ones over connections used in the same way: what
    breaks the framing ends its connection, a wrong condition does not."""
    del peers
    closing = replace(GET, fields=("Connection: close",))
    broken = replace(GET, fields=("Transfer-Encoding: gzip",), refused=True)
    wrong = Requests(method="PUT", body_bytes=BODY_BYTES, fields=("If-Match: im1",), refused=True)
    targets = []
    for name in ("nginx", *lab.binaries):
        server = lab.peer("nginx") if name == "nginx" else lab.ifmatch(name)
        targets.append(loaded(f"{name}, closing", lab, server, closing, 1, "nginx, closing"))
        targets.append(loaded(f"{name}, broken", lab, server, broken, 0, f"{name}, closing"))
        if name != "nginx":
            targets.append(loaded(f"{name}, kept", lab, server, GET, 1, f"{name}, kept"))
            targets.append(loaded(f"{name}, wrong", lab, server, wrong, 0, f"{name}, kept"))
    return targets


SCENARIOS = (
    Scenario("get-900", "enforced GET of 900 B, 32 connections", Beside(peers=PEERS)),
    Scenario("get-64k", "enforced GET of 64 KiB", Beside(replace(GET, path="/64k"), peers=PEERS)),
    Scenario("get-1m", "enforced GET of 1 MiB, and SHA-256 of as much", with_sha256),
    Scenario("not-modified", "conditional GET answered 304; nginx: plain GET",
             Beside(ours=unchanged)),
    Scenario("bypass", "GET on a bypass route", Beside(peers=("nginx", "relay"), mode="bypass")),
    Scenario("put-recorded", "PUT, check: recorded", recorded_put),
    Scenario("put-confirm", "PUT, check: confirm",
             Beside(put('"any"', path="/orders/{n}", count=1000), confirmed_put, trips=2)),
    Scenario("stale", "PUT answered 412 from the record; nginx: plain GET",
             Beside(ours=stale_put, trips=0)),
    Scenario("connections-1", "enforced GET of 900 B, 1 connection",
             Beside(replace(GET, connections=1), peers=("nginx", "relay", "haproxy"))),
    Scenario("connections-256", "enforced GET of 900 B, 256 connections",
             Beside(replace(GET, connections=256), peers=("nginx", "relay", "haproxy"))),
    Scenario("threads-2", "enforced GET of 900 B, proxies with 2 threads",
             Beside(replace(GET, threads=2), peers=("nginx", "haproxy", "caddy"), threads=2)),
    Scenario("tls", "enforced GET of 900 B over TLS 1.3, connections kept",
             Beside(peers=("nginx", "haproxy", "caddy"), tls=True)),
    Scenario("tls-new", "enforced GET of 900 B, each in a TLS session of its own", handshakes),
    Scenario("in-sight", "enforced GET of 900 B, with access log and metrics, and without",
             in_sight),
    Scenario("rate", f"enforced GET at {RATE_SHARE:.0%} of nginx's saturation", at_a_rate,
             metric="p99_us"),
    Scenario("resources", "GETs of 10 and of 1,000,000 resources in random order", few_and_many,
             starts=1),
    IDLE,
    HOT,
    Scenario("flood", "requests that are refused, beside good ones", flood),
)
