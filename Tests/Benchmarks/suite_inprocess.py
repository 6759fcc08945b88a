"""Benchmarks of one piece of work inside one process: fan-out against a C loop, normalizing against parsers."""

import os

from processes import Failed

HERE = os.path.dirname(os.path.abspath(__file__))
RECORDED = os.path.join(HERE, "..", "Fixtures", "kraken", "book-replay.jsonl")
CHANNELS = ("book", "book-1000", "ticker", "trade", "ohlc", "instrument", "level3", "executions")


def figures(result):
    """Without the peak of memory that the programs tell: a new process starts with the peak of the one that started it."""
    return {"cpu_us": result["cpu_s"] / result["units"] * 1e6, "wall_us": result["wall_s"] / result["units"] * 1e6}


def ours(bench, *arguments):
    program = os.path.join(bench.workshop.bin, "kraken-bench")
    if not os.access(program, os.X_OK):
        raise Failed(f"there is no {program}")
    return bench.workshop.output([program, *arguments])


def fan_out(bench):
    """The bridge's own fan-out against a C program that makes the same writes."""
    for readers in (1, 100, 1000):
        for turn in (1, 16, 256):
            # About half a second each: a write costs about 2 µs, whatever number of lines it carries up to a point.
            lines = max(turn * 16, min(3_000_000, 250_000 * turn) // readers)
            compare_fan_out(bench, "fan-out", f"{readers:,} reader{'s' * (readers > 1)}, {turn} line{'s' * (turn > 1)} a turn",
                            readers, turn, lines, False)


def filtered(bench):
    """A thousand readers, each wanting a different one of a thousand symbols."""
    compare_fan_out(bench, "filtered", "1,000 readers of one symbol each", 1000, 256, 300_000, True)


def compare_fan_out(bench, benchmark, case, readers, turn, lines, is_filtered):
    bench.compare(benchmark, case, {
        "bridge": lambda: figures(ours(
            bench, "fan-out", "--readers", readers, "--lines-per-turn", turn, "--lines", lines,
            *["--filtered"] * is_filtered)),
        "C loop": lambda: figures(bench.workshop.output(
            [bench.workshop.program("fanout_loop"), readers, turn, lines, *["filtered"] * is_filtered])),
    })


def normalize(bench):
    """Parsing, verifying and encoding, against merely parsing the same bytes, and against the clients' own handling."""
    for channel in CHANNELS:
        path = bench.workshop.path(f"{channel}.jsonl")
        if not os.path.exists(path):
            ours(bench, "normalize", "--channel", channel, "--messages", 10000, "--write", path)
        compare_normalizing(bench, channel, channel, path)
    # What the exchange itself has sent, once.
    compare_normalizing(bench, "book as recorded", "book", RECORDED, "--recorded", RECORDED)


def compare_normalizing(bench, case, channel, path, *arguments):
    # A quarter of a second of ours, more or less: long enough for a figure, short enough for all channels.
    count = max(2000, min(150_000, 30_000_000 // mean_length(path)))

    def parsed(program, count):
        return figures(bench.workshop.output([*program, path, count]))

    def python(script, count):
        return parsed([bench.workshop.python, os.path.join(HERE, "inprocess", script)], count)

    systems = {
        "bridge": lambda: figures(ours(bench, "normalize", "--channel", channel, "--messages", count, *arguments)),
        "simdjson": lambda: parsed([bench.workshop.program("simdjson_parse")], count),
        "orjson": lambda: python("orjson_parse.py", count // 2),
    }
    # What both clients handle, at depth 10 where it is books.
    if channel in ("book", "ticker", "trade", "ohlc"):
        systems["sdk"] = lambda: python("sdk_handle.py", count // 20)
        systems["cryptofeed"] = lambda: python("cryptofeed_handle.py", count // 20)
    bench.compare("normalize", case, systems)


def mean_length(path):
    with open(path, "rb") as file:
        messages = file.read().splitlines()
    return max(1, sum(map(len, messages)) // len(messages))


BENCHMARKS = {"fan-out": fan_out, "filtered": filtered, "normalize": normalize}
