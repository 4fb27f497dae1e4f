"""What the figures should be, and whether they are. Ratios are taken within each round, where both
sides met the same machine; the median over the rounds decides."""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    text: str
    scenario: str
    limit: float
    stretch: float = None
    target: str = "{name}"         # label; {name} is that of the binary
    against: tuple = ("nginx",)    # labels whose sum is the other side; empty: the figure itself
    metric: str = "cpu_us"
    at_least: bool = False


GOALS = (
    Goal("enforced GET 900 B, CPU against nginx", "get-900", 1.0),
    Goal("bypass GET, CPU against nginx", "bypass", 1.0, 0.95),
    Goal("enforced GET 1 MiB, CPU against nginx plus SHA-256", "get-1m", 1.1,
         against=("nginx", "sha256")),
    Goal("304 from a conditional GET, CPU against nginx's GET", "not-modified", 1.0),
    Goal("PUT recorded, CPU against nginx's PUT", "put-recorded", 1.15),
    Goal("PUT confirm, CPU against nginx's PUT", "put-confirm", 1.9),
    Goal("412 from the record, CPU against nginx's GET", "stale", 0.5),
    Goal("enforced GET, CPU against nginx with Lua", "get-900", 0.6, against=("lua",)),
    Goal("access log and metrics, CPU against neither", "in-sight", 1.08,
         target="{name}, in sight", against=("{name}",)),
    Goal("p99 at a fixed rate, against nginx", "rate", 1.1, metric="p99_us"),
    Goal("CPU per GET with 1,000,000 resources against 10", "resources", 1.15,
         target="{name}, 1,000,000 resources", against=("{name}, 10 resources",)),
    Goal("MiB for 1,000,000 recorded resources", "resources", 128, metric="record_mib",
         target="{name}, 1,000,000 resources", against=()),
    Goal("KiB for an idle connection", "idle", 3, 1.5, metric="idle_kib", against=()),
    Goal("hot resource, recorded, writes against one client alone", "hot", 0.8,
         target="{name}, recorded", against=("straight",), metric="writes_per_s", at_least=True),
    Goal("hot resource, confirm, writes against one client alone", "hot", 0.5,
         target="{name}, confirm", against=("straight",), metric="writes_per_s", at_least=True),
    Goal("broken framing refused, CPU against a good GET", "flood", 1.0,
         target="{name}, broken", against=("{name}, closing",)),
    Goal("wrong condition refused, CPU against a good GET", "flood", 1.0,
         target="{name}, wrong", against=("{name}, kept",)),
)


def ratios(samples, target, against, metric):
    """Within each round, the figure of the target divided by the sum of the others'."""
    return [ours[metric] / (sum(other[metric] for other in others) if others else 1)
            for ours, *others in zip(samples[target], *(samples[label] for label in against))]


def judge(goal, name, outcomes):
    """The goal as measured for one binary: a dict for the report, or None if it was not."""
    outcome = outcomes.get(goal.scenario)
    target = goal.target.format(name=name)
    against = [label.format(name=name) for label in goal.against]
    if not outcome or any(not outcome.samples.get(label) for label in (target, *against)):
        return None
    measured = statistics.median(ratios(outcome.samples, target, against, goal.metric))

    def within(limit):
        return measured >= limit if goal.at_least else measured <= limit
    verdict = "met" if within(goal.limit) else "missed"
    if goal.stretch is not None and within(goal.stretch):
        verdict = "met, stretch too"
    return {"goal": goal.text, "scenario": goal.scenario, "binary": name,
            "limit": goal.limit, "at_least": goal.at_least, "stretch": goal.stretch,
            "measured": measured, "verdict": verdict}
