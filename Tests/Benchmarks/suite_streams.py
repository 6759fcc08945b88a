"""Benchmarks of lines on their way through systems: saturated fan-out, end to end at a fixed rate, and latency."""

from messages import Books, Trades, symbols
from systems import Bridge, Cryptofeed, Mosquitto, Nats, Pair, Redis, Relay, SDKRelay


def books():
    return Books(symbols(1))


def trades():
    return Trades(symbols(1))


def figures(result):
    """Per delivered line."""
    lines = max(1, result["lines"])
    return {"cpu_us": result["cpu_s"] / lines * 1e6, "wall_us": result["wall_s"] / lines * 1e6,
            "rss_mib": result["rss_bytes"] / (1 << 20)}


def saturated(bench):
    """Verified books as fast as they go through, against brokers that pass on the same lines unread."""
    for readers, count in ((1, 80_000), (100, 12_000), (1000, 1_200)):
        def measure(system, share=1, readers=readers, count=count):
            count = count // share
            with system(bench.workshop, books, readers, count + count // 4) as running:
                running.run(count // 4)
                return figures(running.run(count))

        bench.interleave("saturated", f"{readers:,} reader{'s' * (readers > 1)}", {
            "bridge": lambda: measure(Bridge),
            "redis": lambda: measure(Redis),
            "nats": lambda: measure(Nats),
            "mosquitto": lambda: measure(Mosquitto, 8),
        })


def end_to_end(bench):
    """Trades at a fixed rate, against what users run instead."""
    for readers, rate in ((1, 10_000), (10, 5_000), (100, 1_000)):
        def measure(system, readers=readers, rate=rate):
            with system(bench.workshop, trades, readers, 2 * rate) as running:
                running.run(rate // 2, rate=rate)
                result = running.run(rate * 3 // 2, rate=rate)
                return figures(result) | {"p50_us": result["latency_us"]["p50"], "p99_us": result["latency_us"]["p99"]}

        bench.interleave("end to end", f"{readers} reader{'s' * (readers > 1)}, {rate:,}/s", {
            "bridge": lambda: measure(Bridge),
            "sdk relay": lambda: measure(SDKRelay),
            "cryptofeed": lambda: measure(Cryptofeed),
        })


def latency(bench):
    """From the write of Kraken's message to a readable line, against the same path with nothing or little in it."""
    rates = (100, 1_000, 10_000)
    for readers in (1, 100):
        systems = {"bridge": Bridge, "C relay": Relay, "socket pair": Pair}
        if readers > 1:
            del systems["socket pair"]
        for _ in bench.rounds("latency", f"{readers} readers"):
            for name, system in systems.items():
                with system(bench.workshop, books, readers, 2 * sum(rates)) as running:
                    running.run(1000, rate=1000, spins=True)
                    for rate in rates:
                        result = running.run(max(200, rate), rate=rate, spins=True)
                        bench.results.record("latency", f"{readers} reader{'s' * (readers > 1)}, {rate:,}/s", name, {
                            f"{key}_us": result["latency_us"][key] for key in ("p50", "p99", "max")})


BENCHMARKS = {"saturated": saturated, "end-to-end": end_to_end, "latency": latency}
