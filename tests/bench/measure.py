"""How a figure comes about: a target is loaded, its CPU time and its memory are read before and
after; all targets of a scenario take turns, round by round, each round beginning with another."""

import sys
from dataclasses import dataclass, field
from typing import Callable

from processes import BenchError

TRIPS_TOLERANCE = 0.02
WARM_UP_SECONDS = 1


@dataclass
class Target:
    """One thing that a scenario measures."""
    label: str
    measure: Callable[[int], dict]  # loads it for so many seconds and returns a sample
    reference: str = "nginx"        # the label of the target that it is compared with


@dataclass
class Scenario:
    name: str
    title: str
    build: Callable                 # (lab, peers) -> targets, started and ready
    metric: str = "cpu_us"          # what the ratio is taken of
    rounds_max: int = 1000
    starts: int = 3                 # how often everything is started anew, see run_scenario
    warm_up: bool = True


@dataclass
class Outcome:
    """The samples of each target, one for each round."""
    scenario: Scenario
    samples: dict = field(default_factory=dict)
    references: dict = field(default_factory=dict)


def progress(text):
    print(text, file=sys.stderr, flush=True)


def sample(server, run, lab=None, trips=None, under_way=0):
    """Runs a load against the server and returns what it cost. Where `trips` is given, each request
    must have made so many requests to the API; up to `under_way` are cut off at the end of the
    load, which the API counts and the load does not."""
    api_before = lab.api_requests() if lab else 0
    before = server.cpu()
    result = run()
    after = server.cpu()
    memory = server.memory()
    requests = result["requests"]
    cpu_us = (after.total_seconds - before.total_seconds) * 1e6 / requests
    user = after.user_ticks - before.user_ticks
    system = after.system_ticks - before.system_ticks
    share = user / max(1, user + system)
    taken = {**result, "rate": requests / result["seconds"],
             "cpu_us": cpu_us, "user_us": cpu_us * share, "system_us": cpu_us * (1 - share),
             "rss_mib": memory.rss_kib / 1024, "pss_mib": memory.pss_kib / 1024}
    if lab:
        made = lab.api_requests() - api_before - 1
        taken["trips"] = made / requests
        allowed = TRIPS_TOLERANCE * requests + (trips or 0) * under_way
        if trips is not None and abs(made - trips * requests) > allowed:
            raise BenchError(f"{server.name} made {taken['trips']:.3f} requests to the API for "
                             f"each that it answered, where {trips} were expected")
    return taken


def run_scenario(scenario, lab, peers, rounds, seconds):
    """Starts what the scenario compares, measures it and stops it. After a part of the rounds all
    are started anew: two processes of one program differ, in where their memory happens to lie."""
    progress(f"{scenario.name}: {scenario.title}")
    outcome = Outcome(scenario)
    rounds = min(rounds, scenario.rounds_max)
    starts = min(rounds, scenario.starts)
    begins = {start * rounds // starts for start in range(starts)}
    try:
        for turn in range(rounds):
            if turn in begins:
                lab.stop_proxies()
                targets = start(scenario, lab, peers, outcome)
            first = turn % len(targets)
            for target in targets[first:] + targets[:first]:
                outcome.samples[target.label].append(target.measure(seconds))
            progress(f"  round {turn + 1} of {rounds}: " + "   ".join(
                f"{target.label} {outcome.samples[target.label][-1][scenario.metric]:.2f}"
                for target in targets))
    finally:
        lab.stop_proxies()
    return outcome


def start(scenario, lab, peers, outcome):
    """Starts and warms up the targets, and makes room for what they will show."""
    targets = scenario.build(lab, peers)
    for target in targets:
        outcome.samples.setdefault(target.label, [])
        outcome.references[target.label] = target.reference
        if scenario.warm_up:
            target.measure(WARM_UP_SECONDS)
    return targets
