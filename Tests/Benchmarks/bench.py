#!/usr/bin/env python3
"""The bridge measured side by side with what people would use in its place. Started by scripts/bench.

Rounds are interleaved: each system once, then each again, so that a machine that slows down slows all of them.
CPU seconds of the measured process are the first figure, because they depend least on what else the machine does.
"""

import argparse
import json
import resource
import signal
import sys
import time

import machine
import results
import suite_inprocess
import suite_orders
import suite_scale
import suite_streams
from processes import Failed, Workshop
from targets import TARGETS

SUITES = (suite_inprocess, suite_streams, suite_scale, suite_orders)
# After this, each case is measured once.
SECONDS_MAX = 13 * 60
BENCHMARKS = {name: body for suite in SUITES for name, body in suite.BENCHMARKS.items()}


class Bench:
    """What a benchmark is given: how to run its systems in turn, and where to put the figures."""

    def __init__(self, workshop, runs, deadline, found):
        self.workshop = workshop
        self.runs = runs
        self.deadline = deadline
        self.results = found

    def rounds(self, benchmark, case):
        """One round at least; the others as long as there is time."""
        for number in range(self.runs):
            if number > 0 and time.monotonic() > self.deadline:
                self.results.note(f"{benchmark}, {case}: {number} of {self.runs} rounds, for want of time")
                break
            progress(f"{benchmark}: {case}: {number + 1} of {self.runs}")
            yield number

    def interleave(self, benchmark, case, systems):
        """`systems` maps names to functions that run the system once and return its figures."""
        for _ in self.rounds(benchmark, case):
            for name, measure in systems.items():
                self.results.record(benchmark, case, name, measure())


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def measure(options, found):
    found.data["machine"] = machine.machine()
    found.data["versions"] = machine.versions(options.bin, options.python)
    began = time.monotonic()
    for name in options.names or BENCHMARKS:
        with Workshop(options.bin, options.native, options.python) as workshop:
            try:
                BENCHMARKS[name](Bench(workshop, options.runs, began + SECONDS_MAX, found))
            except (Failed, OSError, RuntimeError, LookupError, ValueError) as failure:
                found.data["failures"].append(f"{name}: {failure}")
            for text in workshop.notes:
                found.note(f"{name}: {text}")
            for program, command in workshop.commands.items():
                found.data["commands"].setdefault(program, command.replace(workshop.folder, "$TMP"))
    found.data["machine"]["took"] = f"{time.monotonic() - began:.0f} s, {options.runs} rounds"
    progress("")


def show(options, found):
    rows = found.rows(TARGETS)
    if options.json:
        print(json.dumps(found.data | {"rows": rows}, indent=1))
    elif options.markdown:
        print(f"{results.heading(found.data)}\n\n{results.markdown(rows)}\n\n```\n{results.picture(rows)}\n```")
    else:
        print(f"{results.table(rows)}\n\n{results.picture(rows)}\n\n{results.heading(found.data)}\n\ncommands:")
        for command in found.data["commands"].values():
            print(f"  {command}")
        print()
    for note in found.data["notes"]:
        print(note, file=sys.stderr if options.json else sys.stdout)
    for benchmark, case, peer, figure in results.without_row(TARGETS, rows):
        found.data["failures"].append(f"{benchmark}: no figure for its target: {case}, {peer or 'alone'}, {figure}")
    for failure in found.data["failures"]:
        print(f"bench: {failure}", file=sys.stderr)
    missed = [row for row in rows if row.get("is_met") is False]
    judged = [row for row in rows if "is_met" in row]
    print(f"{len(judged) - len(missed)} of {len(judged)} targets met", file=sys.stderr)
    return 1 if found.data["failures"] else 0


def out_of_time(*_):
    raise Failed("something did not end in time")


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="benchmarks to run instead of all")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="rounds of each (default: 5)")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="everything, for machines")
    shape.add_argument("--markdown", action="store_true", help="the table and the picture of README")
    parser.add_argument("--from", dest="source", metavar="FILE", help="print kept results instead of measuring")
    parser.add_argument("--list", action="store_true", help="names of the benchmarks")
    parser.add_argument("--bin", help=argparse.SUPPRESS)
    parser.add_argument("--native", help=argparse.SUPPRESS)
    parser.add_argument("--python", help=argparse.SUPPRESS)
    parser.add_argument("--keep", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.list:
        for name, body in BENCHMARKS.items():
            print(f"{name:<12} {body.__doc__}")
        return 0
    for name in options.names:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark '{name}'; see --list")
    if options.source:
        with open(options.source, encoding="utf-8") as file:
            return show(options, results.Results(json.load(file)))
    if not options.bin or options.runs < 1:
        parser.error("measuring is started by scripts/bench, with one round or more")
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    signal.signal(signal.SIGALRM, out_of_time)
    # Thousands of readers; children inherit it.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    found = results.Results()
    measure(options, found)
    if not options.names:
        with open(options.keep, "w", encoding="utf-8") as file:
            json.dump(found.data, file, indent=1)
    return show(options, found)


if __name__ == "__main__":
    sys.exit(main())
