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


def latencies(result):
    """The two that are shown, and the whole distribution."""
    return {f"{key}_us": result["latency_us"][key] for key in ("p50", "p99")} | {"latency_us": result["latency_us"]}


def saturated(bench):
    """Verified books as fast as they go through, against brokers that pass on the same lines unread."""
    for readers, count in ((1, 80_000), (100, 12_000), (1000, 1_200)):
        def measure(system, share=1, readers=readers, count=count):
            count = count // share
            with system(bench.workshop, books, readers, count + count // 4) as running:
                running.run(count // 4)
                return figures(running.run(count))

        bench.compare("saturated", f"{readers:,} reader{'s' * (readers > 1)}", {
            "bridge": lambda: measure(Bridge),
            "redis": lambda: measure(Redis),
            "nats": lambda: measure(Nats),
            "mosquitto": lambda: measure(Mosquitto, 8),
        })


def end_to_end(bench):
    """Trades at a fixed rate and as fast as they go through, against what users run instead."""
    # Rates that all of them can keep up with on a core of their own. 0 is as fast as it goes.
    for readers, rate, count in ((1, 0, 20_000), (1, 5_000, 10_000), (10, 2_000, 4_000), (100, 500, 1_000)):
        def measure(system, readers=readers, rate=rate, count=count):
            with system(bench.workshop, trades, readers, count * 5 // 4) as running:
                running.run(count // 4, rate=rate)
                result = running.run(count, rate=rate)
                return figures(result) | (latencies(result) if rate else {})

        bench.compare("end to end", f"{readers} reader{'s' * (readers > 1)}, {f'{rate:,}/s' if rate else 'saturated'}", {
            "bridge": lambda: measure(Bridge),
            "C relay": lambda: measure(Relay),
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
        case = f"{readers} reader{'s' * (readers > 1)}"
        bench.begin("latency", case)
        for name, system in systems.items():
            with system(bench.workshop, books, readers, 2 * sum(rates)) as running:
                running.run(1000, rate=1000, spins=True)
                for rate in rates:
                    result = running.run(max(200, rate), rate=rate, spins=True)
                    bench.results.record("latency", f"{case}, {rate:,}/s", name, latencies(result))


BENCHMARKS = {"saturated": saturated, "end-to-end": end_to_end, "latency": latency}
