"""The figures as a picture, by gnuplot: where the CPU time of the plain GET goes, and each goal's
figure as a share of its limit."""

import subprocess

from processes import BenchError
from report import medians

SCRIPT = """
set terminal {terminal} size 900,{height} {font}
set output '{path}'
set multiplot
set style fill solid border lc rgb 'white'
set boxwidth 0.7
set grid y lc rgb '#dddddd'
set tics nomirror
set border 3
{stack}
{goals}
unset multiplot
"""

STACK = """
set size 1,{share}
set origin 0,{rest}
set title 'Enforced GET of 900 B: CPU time of the proxy for each request'
set ylabel 'microseconds'
set yrange [0:*]
set xrange [-0.6:{count}-0.4]
set key top right horizontal
set style data histograms
set style histogram rowstacked
plot $stack using 2:xtic(1) title 'user' lc rgb '#2b6cb0', \\
     '' using 3 title 'system' lc rgb '#a0c4e8'
"""

# A bar for each goal that is a limit from above; its length is the share of the limit.
BARS = """
reset
set size 1,{share}
set origin 0,0
set title 'Goals: measured, with the limit as 1'
set border 3
set tics nomirror
set grid x lc rgb '#dddddd'
set style fill solid
unset key
set xrange [0:*]
set yrange [{count}-0.4:-0.6]
set lmargin at screen 0.5
set arrow from 1, graph 0 to 1, graph 1 nohead lc rgb '#c53030' lw 2 front
plot $goals using ($2/2):0:($2/2):(0.35):($2 <= 1 ? 0x2b6cb0 : 0xc53030):ytic(1) \\
     with boxxyerror lc rgb variable
"""


def quoted(text):
    return '"' + text.replace('"', "'") + '"'


def block(name, lines):
    return "\n".join([f"${name} << END", *lines, "END", ""])


def stack_part(outcome, share, rest):
    rows = []
    for label, samples in outcome.samples.items():
        median = medians(samples)
        rows.append(f"{quoted(label)} {median['user_us']:.3f} {median['system_us']:.3f}")
    return block("stack", rows) + STACK.format(count=len(rows), share=share, rest=rest)


def goals_part(judged, share):
    rows = []
    for entry in judged:
        part = entry["measured"] / entry["limit"]
        if entry["at_least"]:
            part = 1 / part if part else 0
        rows.append(f"{quoted(entry['goal'] + ' (' + entry['binary'] + ')')} {part:.4f}")
    return block("goals", rows) + BARS.format(count=len(rows), share=share)


def draw(path, outcomes, judged):
    """Writes an SVG or PNG file, as its name ends."""
    svg = not path.lower().endswith(".png")
    stack = outcomes.get("get-900")
    height_stack = 320 if stack else 0
    height_goals = 80 + 24 * len(judged) if judged else 0
    height = height_stack + height_goals
    if not height:
        return
    script = SCRIPT.format(
        terminal="svg" if svg else "pngcairo", path=path, height=height,
        font="background rgb 'white'" if svg else "background rgb 'white' font ',10'",
        stack=stack_part(stack, height_stack / height, height_goals / height) if stack else "",
        goals=goals_part(judged, height_goals / height) if judged else "")
    finished = subprocess.run(["gnuplot"], input=script, capture_output=True, text=True,
                              check=False)
    if finished.returncode != 0:
        raise BenchError(f"gnuplot failed: {finished.stderr}")
