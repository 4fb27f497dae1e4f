"""Tables for people and a JSON file for programs. Every figure is the median over the rounds."""

import datetime
import json
import os
import platform
import statistics
import subprocess
import time

from goals import GOALS, judge, ratios
from servers import ROOT, program

# (key of a sample, heading, digits)
COLUMNS = (
    ("cpu_us", "CPU us", 2), ("user_us", "user", 2), ("system_us", "system", 2),
    ("rate", "req/s", 0), ("p50_us", "p50 us", 0), ("p99_us", "p99 us", 0),
    ("rss_mib", "RSS MiB", 1), ("pss_mib", "PSS MiB", 1), ("trips", "trips", 2),
    ("idle_kib", "KiB/conn", 2), ("record_mib", "record MiB", 1),
    ("writes_per_s", "writes/s", 1),
)
PACKAGES = ("nginx", "haproxy", "caddy", "libnginx-mod-http-lua", "wrk", "nghttp2-client")


def quartiles(values):
    if len(values) < 2:
        return values[0], values[0]
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return first, third


def medians(samples):
    return {key: statistics.median(sample[key] for sample in samples)
            for key in samples[0] if all(key in sample for sample in samples)}


def summary(outcome):
    """For each target its medians, and the ratio to its reference with the middle half of it."""
    result = {}
    for label, samples in outcome.samples.items():
        reference = outcome.references[label]
        entry = {"median": medians(samples), "reference": reference, "rounds": samples}
        if outcome.samples.get(reference) and outcome.scenario.metric in samples[0]:
            within = ratios(outcome.samples, label, [reference], outcome.scenario.metric)
            entry["ratio"] = statistics.median(within)
            entry["ratio_quartiles"] = quartiles(within)
        result[label] = entry
    return result


def table(outcome):
    """The scenario as lines of text."""
    targets = summary(outcome)
    columns = [column for column in COLUMNS
               if any(column[0] in entry["median"] for entry in targets.values())]
    rows = [["", *(heading for _, heading, _ in columns), "ratio", "(middle half)", "to"]]
    for label, entry in targets.items():
        row = [label]
        for key, _, digits in columns:
            value = entry["median"].get(key)
            row.append("" if value is None else f"{value:,.{digits}f}")
        if "ratio" in entry:
            low, high = entry["ratio_quartiles"]
            row += [f"{entry['ratio']:.2f}", f"{low:.2f}-{high:.2f}", entry["reference"]]
        rows.append(row + [""] * (len(rows[0]) - len(row)))
    rounds = max(len(entry["rounds"]) for entry in targets.values())
    name = {"cpu_us": "CPU", "p99_us": "p99", "idle_kib": "memory"}.get(
        outcome.scenario.metric, "writes/s")
    return [f"{outcome.scenario.name}: {outcome.scenario.title} ({rounds} rounds; ratio of {name})",
            *align(rows), ""]


def align(rows):
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width
                                            in zip(row[1:-1], widths[1:-1])), row[-1]]
        yield "  " + "  ".join(cells).rstrip()


def judge_all(binaries, outcomes):
    judged = [judge(goal, name, outcomes) for name in binaries for goal in GOALS]
    return [entry for entry in judged if entry]


def goal_table(judged):
    rows = [["goal", "of", "measured", "limit", "verdict"]]
    for entry in judged:
        limit = f"{'>=' if entry['at_least'] else '<='} {entry['limit']:g}"
        if entry["stretch"] is not None:
            limit += f", stretch {entry['stretch']:g}"
        digits = 3 if entry["measured"] < 10 else 1
        rows.append([entry["goal"], entry["binary"], f"{entry['measured']:.{digits}f}", limit,
                     entry["verdict"]])
    return ["Goals", *align(rows)]


def foreign_load():
    """Which share of the machine's CPU time is in use, over one second in which we do nothing."""
    def read():
        with open("/proc/stat", encoding="ascii") as file:
            times = [int(word) for word in file.readline().split()[1:9]]
        return sum(times), times[3] + times[4]
    all_before, idle_before = read()
    time.sleep(1)
    all_after, idle_after = read()
    return 1 - (idle_after - idle_before) / max(1, all_after - all_before)


def output_of(*command):
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    return finished.stdout.strip()


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    versions = output_of("dpkg-query", "-W", "-f", "${Package} ${Version}\n", *PACKAGES)
    return {
        "cpu": models[0] if models else platform.machine(), "cores": os.cpu_count(),
        "kernel": platform.release(), "packages": dict(
            line.split(" ", 1) for line in versions.splitlines()),
        "openssl": output_of(program("openssl"), "version"),
        "commit": output_of("git", "-C", ROOT, "describe", "--always", "--dirty"),
    }


def write_json(path, options, busy, outcomes, judged):
    content = {
        "when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": machine(), "busy_before": busy,
        "options": {"rounds": options.rounds, "seconds": options.seconds,
                    "binaries": list(options.binaries)},
        "scenarios": {name: {"title": outcome.scenario.title, "ratio_of": outcome.scenario.metric,
                             "targets": summary(outcome)} for name, outcome in outcomes.items()},
        "goals": judged,
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
