#!/usr/bin/env python3
"""The bridge measured side by side with what people would use in its place. Started by scripts/bench.

Each round measures every case with each of its systems, one after the other, so that a machine that slows down slows
all of them.
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
# No further round is begun that would probably end after this.
SECONDS_MAX = 15 * 60
BENCHMARKS = {name: body for suite in SUITES for name, body in suite.BENCHMARKS.items()}


class Bench:
    """What a benchmark is given for one round: a place to work in, and where to put the figures."""

    def __init__(self, workshop, found, number):
        self.workshop = workshop
        self.results = found
        self.number = number

    def begin(self, benchmark, case):
        progress(f"round {self.number}: {benchmark}: {case}")

    def compare(self, benchmark, case, systems):
        """`systems` maps names to functions that run the system once and return its figures."""
        self.begin(benchmark, case)
        for name, measure in systems.items():
            self.results.record(benchmark, case, name, measure())


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def measure(options, found):
    found.data["machine"] = machine.machine()
    found.data["versions"] = machine.versions(options.bin, options.python)
    began = time.monotonic()
    names = list(options.names or BENCHMARKS)
    with Workshop(options.bin, options.native, options.python) as workshop:
        for number in range(1, options.runs + 1):
            elapsed = time.monotonic() - began
            if number > 1 and elapsed / (number - 1) * number > SECONDS_MAX:
                found.note(f"{number - 1} rounds instead of {options.runs}, for want of time")
                break
            for name in list(names):
                try:
                    BENCHMARKS[name](Bench(workshop, found, number))
                except (Failed, OSError, RuntimeError, LookupError, ValueError) as failure:
                    found.data["failures"].append(f"{name}: {failure}")
                    names.remove(name)
            found.data["machine"]["took"] = f"{time.monotonic() - began:.0f} s, {number} rounds"
        for text in workshop.notes:
            found.note(text)
        found.data["commands"] = {
            program: command.replace(workshop.folder, "$TMP") for program, command in workshop.commands.items()}
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
