"""Figures of all runs, the rows made of them, and the ways to print these.

A case holds the figures of each system in each round. Within a round the systems run one after the other, so a ratio
is taken within each round; what is printed is the median of the rounds and their spread.
"""

import math
import statistics

OURS = "bridge"
# Name of a figure in a row: heading, digits. What else runs hold (whole distributions) is for machines.
FIGURES = {
    "cpu_us": ("CPU µs", 3),
    "wall_us": ("wall µs", 3),
    "p50_us": ("p50 µs", 1),
    "p99_us": ("p99 µs", 1),
    "rss_mib": ("memory MiB", 1),
    "kib": ("KiB", 2),
    "ms": ("ms", 1),
    "cpu_ms": ("CPU ms", 1),
    "ratio": ("×", 2),
}


class Results:
    """`data` is all there is, as JSON takes it."""

    def __init__(self, data=None):
        self.data = data or {"machine": {}, "versions": {}, "commands": {}, "benchmarks": {}, "failures": [], "notes": []}

    def record(self, benchmark, case, system, figures):
        cases = self.data["benchmarks"].setdefault(benchmark, {})
        cases.setdefault(case, {}).setdefault(system, []).append(figures)

    def note(self, text):
        if text not in self.data["notes"]:
            self.data["notes"].append(text)

    def rows(self, targets):
        """One dictionary for each comparison, and for each figure of ours that has a target of its own."""
        found = []
        for benchmark, cases in self.data["benchmarks"].items():
            for case, systems in cases.items():
                ours = systems.get(OURS)
                if not ours:
                    continue
                names = [name for name in ours[0] if name in FIGURES]
                primary = [name for name in names if name not in ("wall_us", "rss_mib")] or names
                for name in primary:
                    peers = [(peer, runs) for peer, runs in systems.items() if peer != OURS and name in runs[0]]
                    if not peers or (benchmark, case, None, name) in targets:
                        found.append(row(benchmark, case, name, ours, None, None, targets))
                    found += [row(benchmark, case, name, ours, peer, runs, targets) for peer, runs in peers]
        return found


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def row(benchmark, case, name, ours, peer, theirs, targets):
    result = {"benchmark": benchmark, "case": case, "figure": name, "peer": peer, "ours": spread([run[name] for run in ours])}
    if peer:
        result["theirs"] = spread([run[name] for run in theirs])
        for key, figure in (("ratio", name), ("wall_ratio", "wall_us"), ("memory_ratio", "rss_mib")):
            pairs = [(run.get(figure), other.get(figure)) for run, other in zip(ours, theirs)]
            if pairs and all(one is not None and other for one, other in pairs):
                result[key] = spread([one / other for one, other in pairs])
    limit = targets.get((benchmark, case, peer, name))
    if limit is not None:
        # A limit on the ratio where there is a peer, on the figure itself where there is none.
        result["target"] = limit
        result["is_met"] = result["ratio" if peer else "ours"]["median"] <= limit
    return result


def without_row(targets, rows):
    """Targets of the benchmarks that were run for which there is no row: a name was changed in one place alone."""
    run = {one["benchmark"] for one in rows}
    held = {(one["benchmark"], one["case"], one["peer"], one["figure"]) for one in rows}
    return [key for key in targets if key[0] in run and key not in held]


def number(value, digits):
    return f"{value:,.{digits}f}" if abs(value) < 1000 else f"{value:,.0f}"


def cells(one):
    heading, digits = FIGURES[one["figure"]]

    def spelled(values, digits, unit=""):
        low, high = number(values["min"], digits), number(values["max"], digits)
        return f"{number(values['median'], digits)}{unit}" + (f" ({low}–{high})" if low != high else "")

    ratio = f"{spelled(one['ratio'], 3 if one['ratio']['median'] < 0.1 else 2)}" if "ratio" in one else ""
    target = ""
    if "target" in one:
        target = f"≤ {one['target']:g}{' ×' if one['peer'] else ''} {'met' if one['is_met'] else 'MISSED'}"
    return [
        one["benchmark"], one["case"], heading, spelled(one["ours"], digits), one["peer"] or "",
        spelled(one["theirs"], digits) if one["peer"] else "", ratio,
        f"{one['wall_ratio']['median']:.2f}" if "wall_ratio" in one else "",
        f"{one['memory_ratio']['median']:.2f}" if "memory_ratio" in one else "", target,
    ]


HEADINGS = ["benchmark", "case", "figure", "bridge", "peer", "its figure", "ratio", "wall", "memory", "target"]


def table(rows):
    lines = [HEADINGS] + [cells(one) for one in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def markdown(rows):
    """As README shows it: without the figures that neither compare CPU time nor have a target."""
    lines = ["| benchmark | figure | bridge | peer | its figure | ratio | target |", "|---|---|---:|---|---:|---:|---|"]
    for one in rows:
        is_aside = one["peer"] is None or one["benchmark"] == "end to end" and one["figure"] != "cpu_us"
        if is_aside and "target" not in one:
            continue
        benchmark, case, figure, ours, peer, theirs, ratio, _, _, target = cells(one)
        target = target.replace("MISSED", "**missed**")
        lines.append(f"| {benchmark}: {case} | {figure} | {ours} | {peer} | {theirs} | {ratio} | {target} |")
    return "\n".join(lines)


# Those that one would use in the bridge's place; C loops and bare parsers only show how far down it goes.
ALTERNATIVES = ("redis", "nats", "mosquitto", "orjson", "sdk", "sdk relay", "cryptofeed")


def picture(rows):
    """How many times the bridge's CPU time each alternative takes, a bar for each on a logarithmic scale."""
    bars = [one for one in rows if one["figure"] == "cpu_us" and one["peer"] in ALTERNATIVES and "ratio" in one]
    if not bars:
        return ""
    names = [f"{one['benchmark']}, {one['case']}: {one['peer']}" for one in bars]
    width = max(map(len, names))
    lines = ["CPU time for the same work, in the bridge's; four columns double it; ░ is less than the bridge takes"]
    for name, one in zip(names, bars):
        times = 1 / one["ratio"]["median"]
        columns = round(4 * math.log2(times))
        bar = "█" * columns if columns >= 0 else "░" * -columns
        lines.append(f"{name.ljust(width)} ▏{bar} {times:.{1 if times < 10 else 0}f} ×")
    return "\n".join(lines)


def heading(data):
    machine, versions = data["machine"], data["versions"]
    lines = [f"{key}: {value}" for key, value in machine.items()]
    lines.append("versions: " + ", ".join(f"{name} {version}" for name, version in versions.items()))
    return "\n".join(lines)
