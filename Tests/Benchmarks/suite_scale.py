"""Benchmarks of size: thousands of readers and of books, and how the cost grows with both."""

import math
import os
import resource
import socket
import time

from messages import Books, Trades, symbols
from processes import Failed, cpu_seconds, resident_bytes
from systems import Bridge, bridge_configuration

READERS = 10_000


def scale(bench):
    """Ten thousand readers, a thousand deep books, the start, and growth as readers and symbols double."""
    bench.begin("scale", "start to READY")
    bench.results.record("scale", "start to READY", "bridge", start_to_ready(bench.workshop))
    many_readers(bench)
    many_books(bench)
    memory(bench)
    growth(bench)


def start_to_ready(workshop):
    """From before the fork to READY=1, with nobody at the exchange's address."""
    configuration = bridge_configuration(workshop, "ws://127.0.0.1:9/v2", {"channel": "ticker", "symbols": ["BTC/USD"]})
    notify = workshop.path("notify.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(notify)
        manager.settimeout(10)
        began = time.monotonic()
        child = workshop.start("kraken-bridged", [
            os.path.join(workshop.bin, "kraken-bridged"), "--config", configuration, "--state-dir", workshop.path("state")],
            environment={"NOTIFY_SOCKET": notify})
        try:
            while b"READY=1" not in manager.recv(4096).split(b"\n"):
                pass
            return {"ms": (time.monotonic() - began) * 1000, "cpu_ms": cpu_seconds(child.pid) * 1000}
        except TimeoutError as failure:
            raise Failed(f"kraken-bridged was not ready in 10 s: {workshop.said('kraken-bridged')}") from failure
        finally:
            workshop.stop(child)
            os.unlink(notify)


def many_readers(bench):
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < READERS + 100:
        raise Failed(f"{READERS} readers need a limit of as many open files: ulimit -Hn")
    bench.begin("scale", f"{READERS:,} readers")
    with Bridge(bench.workshop, lambda: Trades(symbols(1)), READERS, 150) as running:
        def record(case, figures):
            bench.results.record("scale", f"{READERS:,} {case}", "bridge", figures)

        def kib_each():
            return (resident_bytes(running.pid) - running.rss_alone) / READERS / 1024

        record("readers connect and subscribe at once", {"ms": running.load.settled["settled_s"] * 1000})
        record("readers connect and subscribe, each", {
            "cpu_us": (cpu_seconds(running.pid) - running.cpu_alone) / READERS * 1e6})
        record("quiet readers, each", {"kib": kib_each()})
        running.run(50, window=4)
        result = running.run(100, window=4)
        record("active readers, each", {"kib": kib_each()})
        record("active readers, a line", {"cpu_us": result["cpu_s"] / result["lines"] * 1e6})


def many_books(bench):
    bench.begin("scale", "1,000 books")
    with Bridge(bench.workshop, lambda: Books(symbols(1000), 100), 1, 25_000) as running:
        running.run(5_000)
        result = running.run(20_000)
        bench.results.record("scale", "1,000 books of depth 100, a message", "bridge", {
            "cpu_us": result["cpu_s"] / result["messages"] * 1e6, "rss_mib": result["rss_bytes"] / (1 << 20)})


def memory(bench):
    """After enough lines that the log has gone round, with a reader that has stopped among the others."""
    bench.begin("scale", "memory")
    with Bridge(bench.workshop, lambda: Books(symbols(200), 100), 99, 150_000) as running:
        with socket.socket(socket.AF_UNIX) as stopped:
            stopped.connect(bench.workshop.path("bridge.sock"))
            with open(bench.workshop.path("request"), "rb") as request:
                stopped.sendall(request.read())
            figures = {"rss_mib": running.run(150_000)["rss_bytes"] / (1 << 20)}
        bench.results.record("scale", "200 books of depth 100, 100 readers, one stopped", "bridge", figures)


def growth(bench):
    sizes = ((50, 50), (100, 50), (100, 100), (200, 100), (200, 200), (400, 200))
    bench.begin("scale", "growth")
    points = []
    for readers, names in sizes:
        with Bridge(bench.workshop, lambda names=names: Trades(symbols(names)), readers, 500_000 // readers) as running:
            running.run(100_000 // readers)
            result = running.run(400_000 // readers)
            cost = result["cpu_s"] / result["lines"] * 1e6
            bench.results.record("scale", f"{readers} readers of {names} symbols, a line", "bridge", {"cpu_us": cost})
            points.append((math.log(readers * names), math.log(cost)))
    # By how much the cost of one line is multiplied when readers times symbols double: 1 is flat.
    middle = sum(x for x, _ in points) / len(points)
    mean = sum(y for _, y in points) / len(points)
    slope = sum((x - middle) * (y - mean) for x, y in points) / sum((x - middle) ** 2 for x, _ in points)
    bench.results.record("scale", "cost of a line when readers × symbols double", "bridge", {"ratio": 2 ** slope})


BENCHMARKS = {"scale": scale}
