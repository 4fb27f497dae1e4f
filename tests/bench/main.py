"""Measures ifmatch beside its peers; `run` builds everything first and then starts this."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile

import plot
import report
from measure import progress, run_scenario
from processes import BenchError
from scenarios import SCENARIOS
from servers import PEERS, RELEASE, Lab

QUIET = 0.05


def names(known):
    """An argparse type: a list of names, divided by commas, each of them known."""
    def parse(text):
        given = text.split(",")
        if unknown := set(given) - set(known):
            raise argparse.ArgumentTypeError(
                f"{', '.join(sorted(unknown))}: not among {', '.join(known)}")
        return given
    return parse


def binary(text):
    name, equals, path = text.rpartition("=")
    path = os.path.abspath(path)
    if not os.access(path, os.X_OK):
        raise argparse.ArgumentTypeError(f"{path}: not a program")
    return (name if equals else "ifmatch"), path


def parse_options():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=(
        "Measures what ifmatch costs beside other proxies, all of them in one run and in turns. "
        "Prints tables, and whether each goal is met. The figures are worth something on a quiet "
        "machine only."), epilog="Scenarios: " + ", ".join(s.name for s in SCENARIOS))
    known = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("--only", type=names(known), default=known, metavar="NAME,...",
                        help="these scenarios")
    parser.add_argument("--peers", type=names(PEERS), default=PEERS, metavar="NAME,...",
                        help=f"these peers, and nginx in any case: {', '.join(PEERS)}")
    parser.add_argument("--rounds", type=int, default=9, help="(9)")
    parser.add_argument("--seconds", type=int, default=2,
                        help="of load, each target each round (2)")
    parser.add_argument("--json", metavar="FILE", help="writes every figure of every round")
    parser.add_argument("--plot", metavar="FILE", help="draws an .svg or .png")
    parser.add_argument("--ifmatch", type=binary, action="append", metavar="[NAME=]PATH",
                        help="the program to measure instead of the one just built; more than one, "
                             "under different names, are compared in the same rounds")
    options = parser.parse_args()
    built = os.path.join(RELEASE, "proxy", "ifmatch")
    options.binaries = dict(options.ifmatch or [("ifmatch", built)])
    options.peers = {"nginx", *options.peers}
    return options


def measure(options, lab):
    """Runs the scenarios and prints each; returns their outcomes and the names of those that
    failed."""
    outcomes, failed = {}, []
    for scenario in SCENARIOS:
        if scenario.name not in options.only:
            continue
        try:
            outcome = run_scenario(scenario, lab, options.peers, options.rounds, options.seconds)
        except (BenchError, AssertionError, OSError, subprocess.TimeoutExpired) as error:
            progress(f"{scenario.name} failed: {error}")
            failed.append(scenario.name)
            continue
        outcomes[scenario.name] = outcome
        print("\n".join(report.table(outcome)), flush=True)
    return outcomes, failed


def main():
    options = parse_options()
    # So that a TERM ends the children, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    busy = report.foreign_load()
    if busy > QUIET:
        progress(f"WARNING: {busy:.0%} of this machine's CPU time is in use by others; "
                 "the figures will not be worth much")
    with tempfile.TemporaryDirectory(prefix="ifmatch-bench-") as folder:
        lab = Lab(folder, options.binaries)
        try:
            outcomes, failed = measure(options, lab)
        finally:
            lab.stop()
    judged = report.judge_all(options.binaries, outcomes)
    if judged:
        print("\n".join(report.goal_table(judged)), flush=True)
    if options.json:
        report.write_json(options.json, options, busy, outcomes, judged)
    if options.plot:
        plot.draw(options.plot, outcomes, judged)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
