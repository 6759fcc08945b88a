"""Merely parsing Kraken's messages with orjson, the fastest parser Python has: orjson_parse.py FILE MESSAGES"""

import orjson

from measuring import Stopwatch, messages, repeated, report

lines, count = messages("orjson_parse.py")
parse = orjson.loads
with Stopwatch() as stopwatch:
    for line in repeated(lines, count):
        parse(line)
report(lines, count, stopwatch.cpu, stopwatch.wall, orjson=orjson.__version__)
