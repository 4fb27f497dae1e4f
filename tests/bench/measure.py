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
    warm_up: bool = True


@dataclass
class Outcome:
    """The samples of each target, one for each round."""
    scenario: Scenario
    samples: dict = field(default_factory=dict)
    references: dict = field(default_factory=dict)


def progress(text):
    print(text, file=sys.stderr, flush=True)


def sample(server, run, lab=None, trips=None):
    """Runs a load against the server and returns what it cost. Where `trips` is given, each request
    must have made so many requests to the API."""
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
        taken["trips"] = (lab.api_requests() - api_before - 1) / requests
        if trips is not None and abs(taken["trips"] - trips) > TRIPS_TOLERANCE:
            raise BenchError(f"{server.name} made {taken['trips']:.3f} requests to the API for each "
                             f"that it answered, where {trips} were expected")
    return taken


def run_scenario(scenario, lab, peers, rounds, seconds):
    """Starts what the scenario compares, measures it and stops it."""
    progress(f"{scenario.name}: {scenario.title}")
    outcome = Outcome(scenario)
    try:
        targets = scenario.build(lab, peers)
        for target in targets:
            outcome.samples[target.label] = []
            outcome.references[target.label] = target.reference
            if scenario.warm_up:
                target.measure(WARM_UP_SECONDS)
        rounds = min(rounds, scenario.rounds_max)
        for turn in range(rounds):
            begin = turn % len(targets)
            for target in targets[begin:] + targets[:begin]:
                outcome.samples[target.label].append(target.measure(seconds))
            progress(f"  round {turn + 1} of {rounds}: " + "   ".join(
                f"{target.label} {outcome.samples[target.label][-1][scenario.metric]:.2f}"
                for target in targets))
    finally:
        lab.stop_proxies()
    return outcome
