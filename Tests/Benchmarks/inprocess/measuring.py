"""What the Python programs here share: the command line, the messages of a file, and the measured loop."""

import itertools
import json
import resource
import sys
import time


def messages(program):
    """The messages named on the command line, one a line, and how many are to be handled."""
    if len(sys.argv) != 3 or not sys.argv[2].isdigit() or int(sys.argv[2]) == 0:
        sys.exit(f"usage: {program} FILE MESSAGES")
    with open(sys.argv[1], "rb") as file:
        lines = file.read().splitlines()
    if not lines:
        sys.exit(f"{program}: no messages in {sys.argv[1]}")
    return lines, int(sys.argv[2])


def repeated(lines, count):
    return itertools.islice(itertools.cycle(lines), count)


def report(lines, count, cpu, wall, **further):
    whole, rest = divmod(count, len(lines))
    size = whole * sum(map(len, lines)) + sum(map(len, lines[:rest]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"units": count, "bytes": size, "cpu_s": cpu, "wall_s": wall, "rss_kib": peak, **further}))


class Stopwatch:
    def __enter__(self):
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_):
        self.cpu = time.process_time() - self.cpu
        self.wall = time.perf_counter() - self.wall
