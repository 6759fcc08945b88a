"""What the figures shall be: (benchmark, case, peer, figure) and the limit.

With a peer the limit is on our figure divided by the peer's, without one on our figure itself.
"""

TARGETS = {}

for turn in ("1 line", "16 lines", "256 lines"):
    TARGETS["fan-out", f"100 readers, {turn} a turn", "C loop", "cpu_us"] = 1.15
# The bridge parses Kraken's messages and verifies books while it does this.
TARGETS["saturated", "100 readers", "redis", "cpu_us"] = 0.6
for channel in ("book as recorded", "book", "book-1000", "ticker", "trade", "ohlc", "instrument", "level3", "executions"):
    TARGETS["normalize", channel, "simdjson", "cpu_us"] = 4
    TARGETS["normalize", channel, "orjson", "cpu_us"] = 1
for pace in ("saturated", "5,000/s"):
    for peer in ("sdk relay", "cryptofeed"):
        TARGETS["end to end", f"1 reader, {pace}", peer, "cpu_us"] = 0.05
TARGETS["latency", "100 readers, 1,000/s", None, "p50_us"] = 100
TARGETS["latency", "100 readers, 1,000/s", None, "p99_us"] = 1000
TARGETS["scale", "10,000 quiet readers, each", None, "kib"] = 2
TARGETS["scale", "start to READY", None, "ms"] = 50
TARGETS["scale", "200 books of depth 100, 100 readers, one stopped", None, "rss_mib"] = 96
