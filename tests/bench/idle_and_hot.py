"""The two scenarios that no ordinary load makes: connections that do nothing, and many clients that
all want to write to the same resource."""

import json
import time
import urllib.request

from loads import fetch, hold_connections, run_wrk
from measure import Scenario, Target, sample
from processes import BenchError

IDLE_CONNECTIONS = 10_000
IDLE_SECONDS = 5
CLIENTS = 64
DELAY_MILLISECONDS = 5
PATH = "/counter"


def idle_memory(server):
    """What a fresh server keeps for each connection that served one request and then was silent."""
    fetch(server, "/orders/42")
    before = server.memory()
    connections = hold_connections(server, "/orders/42", IDLE_CONNECTIONS)
    time.sleep(IDLE_SECONDS)
    after = server.memory()
    server.kill()
    for connection in connections:
        connection.close()
    return {"requests": IDLE_CONNECTIONS,
            "rss_mib": after.rss_kib / 1024, "pss_mib": after.pss_kib / 1024,
            "idle_kib": (after.pss_kib - before.pss_kib) / IDLE_CONNECTIONS}


def idle(lab, peers):
    del peers
    targets = [Target("nginx", lambda _: idle_memory(lab.peer("nginx")))]
    for name in lab.binaries:
        targets.append(Target(name, lambda _, name=name: idle_memory(lab.ifmatch(name))))
    return targets


def number_of(store):
    with urllib.request.urlopen(store.url(PATH), timeout=5) as answer:
        return json.load(answer)["count"]


def settled_writes(server, store, clients, seconds):
    """Lets so many clients read, add one and write back through the server, and counts."""
    before = number_of(store)
    taken = sample(server, lambda: run_wrk(
        server, "read_modify_write.lua", [PATH], seconds, clients, clients))
    if taken["failed"]:
        raise BenchError(f"{server.name} broke {taken['failed']} connections")
    grown = number_of(store) - before
    # More than was acknowledged is possible: the load ends while writes are under way.
    if taken["written"] > grown:
        raise BenchError(f"{server.name} acknowledged {taken['written']} writes, of which "
                         f"{taken['written'] - grown} were lost")
    return {**taken, "writes_per_s": taken["written"] / taken["seconds"]}


def hot(lab, peers):
    """One client straight at the store, and many through ifmatch, each with a store of its own."""
    del peers
    alone = lab.slow_store(DELAY_MILLISECONDS)
    targets = [Target("straight", lambda seconds: settled_writes(alone, alone, 1, seconds),
                      "straight")]
    for name in lab.binaries:
        for check in ("recorded", "confirm"):
            store = lab.slow_store(DELAY_MILLISECONDS)
            server = lab.ifmatch(name, api=store, check=check)
            targets.append(Target(
                f"{name}, {check}",
                lambda seconds, server=server, store=store: settled_writes(
                    server, store, CLIENTS, seconds), "straight"))
    return targets


IDLE = Scenario("idle", f"memory of each of {IDLE_CONNECTIONS:,} idle connections", idle,
                metric="idle_kib", rounds_max=3, starts=1, warm_up=False)
HOT = Scenario("hot", f"one resource of a slow API, {CLIENTS} clients that read and write it; "
               "straight: one client without a proxy", hot, metric="writes_per_s")
