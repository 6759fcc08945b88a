#!/usr/bin/env python3
"""A bridge, a simulated exchange with a bad day, and readers of every kind, for a given time.

    soak.py --bin FOLDER --readers-bin FILE [--minutes N] [--symbols N] [--readers N] [--rate R]

Starts the processes, strikes with faults on a schedule, stops and continues readers, watches the bridge's memory,
and prints a table at the end. The checking is done by the readers themselves (readers/Model.swift).
Exit status: 0 when nothing wrong went unmarked, no steady reader missed a line and memory stayed flat; 1 otherwise.
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

# Each strikes once per round, in this order. {symbol} is another pair each time.
FAULTS = [
    "wrong-checksum symbol={symbol}", "late-ack duration=5", "drop", "lost-update symbol={symbol} channel=book",
    "fragmented-frames duration=5", "swapped-updates symbol={symbol} channel=book", "garbage", "crossed-book symbol={symbol}",
    "close code=1013", "shuffled-keys duration=4", "empty-side symbol={symbol} duration=5", "stall duration=8",
    "spaced-json duration=4", "duplicate-update symbol={symbol} channel=book", "binary-frame", "extra-fields duration=4",
    "maintenance duration=8", "silence symbol={symbol} channel=book duration=10", "duplicate-ack duration=5",
    "http-status code=503", "drop", "unknown-channel", "truncated-json", "ping", "slow-frames duration=3",
]

# Shares of the well and badly behaved among a hundred readers; those that get stopped have a process each.
SHARES = {
    "steady": 40, "quotes": 10, "deep": 10, "halfclosed": 5, "slow": 10, "disconnect": 5, "resuming": 10, "fresh": 3,
    "typing": 2, "stopped": 5,
}
CALM_SECONDS = 25
# The log's text is touched as it is used and every book grows to its depth: memory is judged after that.
SETTLING_SHARE = 0.4
GROWTH_BYTES_MAX = 8 << 20
PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    pass


def roster(total):
    counts = {name: max(1, share * total // 100) for name, share in SHARES.items()}
    counts["steady"] += total - sum(counts.values())
    return counts


def resident(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * PAGE


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def slope(samples):
    """Least squares, bytes a minute."""
    count = len(samples)
    middle = sum(moment for moment, _ in samples) / count
    mean = sum(size for _, size in samples) / count
    spread = sum((moment - middle) ** 2 for moment, _ in samples)
    return 60 * sum((moment - middle) * (size - mean) for moment, size in samples) / spread if spread else 0.0


class Soak:
    def __init__(self, options):
        self.options = options
        self.folder = tempfile.mkdtemp(prefix="kraken-soak-")
        self.children = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, arguments, output, errors):
        with open(self.path(errors), "wb") as error_file:
            child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=error_file)
        self.children.append(child)
        return child

    def stop_everything(self):
        for child in reversed(self.children):
            if child.poll() is None:
                child.send_signal(signal.SIGCONT)
                child.terminate()
        for child in reversed(self.children):
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def close(self):
        self.stop_everything()
        shutil.rmtree(self.folder)

    def start_exchange_and_bridge(self):
        program = os.path.join(self.options.bin, "kraken-sim")
        exchange = self.start(
            [program, "--symbols", str(self.options.symbols), "--rate", str(self.options.rate), "--control",
             self.path("control.sock"), "--set", "connection-limit=1000"], subprocess.PIPE, "exchange.log")
        url = exchange.stdout.readline().decode().strip()
        with open(self.path("config.yaml"), "w", encoding="ascii") as file:
            # Half the usual time, so that slow and stopped readers miss lines in a short run as well.
            file.write(f"listeners:\n  - {{path: {self.path('bridge.sock')}, mode: \"0600\", lag-seconds: 15}}\n")
        bridge = self.start(
            [os.path.join(self.options.bin, "kraken-bridged"), "--config", self.path("config.yaml"), "--public-url", url,
             "--state-dir", self.path("state")], subprocess.DEVNULL, "bridge.log")
        deadline = time.monotonic() + 60
        while not os.path.exists(self.path("bridge.sock")):
            if bridge.poll() is not None or time.monotonic() > deadline:
                raise Failed("kraken-bridged did not start:\n" + self.tail("bridge.log"))
            time.sleep(0.1)
        return exchange, bridge

    def tail(self, name):
        with open(self.path(name), encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-8:])

    def pairs(self):
        """The exchange's pairs, as the bridge tells them."""
        found = []
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(self.path("bridge.sock"))
            connection.sendall(b'{"method":"subscribe","params":{"channel":"instrument"}}\n')
            for line in connection.makefile("rb"):
                match = re.match(rb'\{"channel":"instrument","type":"snapshot","symbol":"([^"]+)"', line)
                if match:
                    found.append(match[1].decode())
                if len(found) == self.options.symbols:
                    break
        with open(self.path("symbols"), "w", encoding="ascii") as file:
            file.writelines(symbol + "\n" for symbol in found)
        return found

    def inject(self, fault):
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(60)
            control.connect(self.path("control.sock"))
            control.sendall(fault.encode() + b"\n")
            answer = control.makefile("rb").readline().decode().strip()
        if answer != "ok":
            raise Failed(f"the exchange did not take '{fault}': {answer}")

    def readers(self, seconds, counts):
        """One process for all that are never stopped, and one for each of the others."""
        stopped = counts["stopped"]
        groups = [[f"{name}={count}" for name, count in counts.items() if name != "stopped"]] + [["stopped=1"]] * stopped
        return [
            self.start([self.options.readers_bin, self.path("bridge.sock"), self.path("symbols"), str(seconds)] + group,
                       subprocess.PIPE, f"readers-{number}.log")
            for number, group in enumerate(groups)
        ]

    def run(self):
        seconds = self.options.minutes * 60
        exchange, bridge = self.start_exchange_and_bridge()
        symbols = self.pairs()
        readers = self.readers(seconds, roster(self.options.readers))
        began = time.monotonic()
        cpu_before = cpu_seconds(bridge.pid)
        samples, struck, is_calm = [], 0, False
        # At least one whole round of faults, however short the time.
        pause = min(7.0, (seconds - CALM_SECONDS - 10) / len(FAULTS))
        while (elapsed := time.monotonic() - began) < seconds:
            for child, name in ((bridge, "bridge.log"), (exchange, "exchange.log")):
                if child.poll() is not None:
                    raise Failed(f"ended with {child.returncode}:\n" + self.tail(name))
            samples.append((elapsed, resident(bridge.pid)))
            if elapsed > 10 + struck * pause and elapsed < seconds - CALM_SECONDS:
                # Pairs in turn: one that fails again and again would be quarantined for longer than a short run lasts.
                symbol = symbols[struck * 7 % len(symbols)]
                self.inject(FAULTS[struck % len(FAULTS)].format(symbol=symbol))
                struck += 1
            elif elapsed >= seconds - CALM_SECONDS and not is_calm:
                self.inject("clear")
                is_calm = True
            self.stop_or_continue(readers[1:], elapsed, seconds)
            time.sleep(1)
        results = [json.loads(child.communicate(timeout=60)[0]) for child in readers]
        elapsed = time.monotonic() - began
        return self.report(results, samples, cpu_seconds(bridge.pid) - cpu_before, cpu_seconds(exchange.pid), elapsed, struck)

    def stop_or_continue(self, readers, elapsed, seconds):
        """Each of them stands still for a minute (a quarter of a short run), one after the other, and once more."""
        still = min(60.0, seconds / 4)
        for number, reader in enumerate(readers):
            phase = (elapsed + number * still / 4) % (2 * still)
            stands = phase > still and elapsed < seconds - CALM_SECONDS
            reader.send_signal(signal.SIGSTOP if stands else signal.SIGCONT)

    def report(self, results, samples, cpu, exchange_cpu, seconds, struck):
        def total(key):
            return sum(result[key] for result in results)

        lines = total("lines")
        settled = [sample for sample in samples if sample[0] > seconds * SETTLING_SHARE]
        quarter = max(1, len(settled) // 4)
        growth = max(size for _, size in settled[-quarter:]) - max(size for _, size in settled[:-quarter])
        latency = results[0]["latency_us"]
        mib = 1 << 20
        rows = [
            ("duration", f"{seconds:.0f} s, {struck} faults"),
            ("readers", f"{total('readers')} on {self.options.symbols} pairs"),
            ("lines delivered", f"{lines:,} ({lines / seconds:,.0f}/s, {total('bytes') / seconds / mib:.1f} MiB/s)"),
            ("gaps marked", f"{total('gaps')} ({total('dropped'):,} lines), {total('gaps_of_steady')} of them at steady readers"),
            ("wrong and unmarked", str(total("unmarked"))),
            ("stale lines", f"{total('stales'):,}"),
            ("resumed with since", f"{total('resumes'):,}, {total('resumes_expired')} told that it was too late"),
            ("disconnected as asked", str(total("goodbyes"))),
            ("topics not live at the end", str(total("not_live"))),
            ("delay p50 / p99 / p99.9 / max", " / ".join(f"{value / 1000:.1f}" for value in latency) + " ms"),
            ("resident memory", f"first {samples[0][1] / mib:.1f}, settled {settled[0][1] / mib:.1f}, last {samples[-1][1] / mib:.1f}, "
             f"max {max(size for _, size in samples) / mib:.1f} MiB"),
            ("its slope after settling", f"{slope(settled) / mib:+.2f} MiB/min"),
            ("bridge CPU", f"{cpu:.1f} s, {cpu / lines * 1e6:.2f} s per million lines"),
            ("others' CPU", f"exchange {exchange_cpu:.1f} s, readers {total('cpu_seconds'):.1f} s"),
        ]
        for name, value in rows:
            print(f"{name:<31} {value}")
        faults = []
        if total("unmarked"):
            faults.append("something wrong was not marked:")
            faults += ["  " + example for result in results for example in result["examples"]]
        if total("gaps_of_steady"):
            faults.append("a reader that reads everything missed lines")
        if total("not_live"):
            faults.append("topics did not come back after the last fault")
        if growth > GROWTH_BYTES_MAX:
            faults.append(f"memory grew by {growth / mib:.1f} MiB in the last quarter")
        if not results[0]["lines"]:
            faults.append("nothing was delivered")
        for fault in faults:
            print(fault, file=sys.stderr)
        return 1 if faults else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True, help="folder with kraken-bridged and kraken-sim")
    parser.add_argument("--readers-bin", required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--symbols", type=int, default=200)
    parser.add_argument("--readers", type=int, default=100)
    parser.add_argument("--rate", type=float, default=5, help="changes a second in each market")
    options = parser.parse_args()
    if options.minutes < 1.5 or options.readers < 20 or options.symbols < 10:
        parser.error("at least 1.5 minutes, 20 readers and 10 symbols")
    # Stopped from outside, it leaves nothing behind either.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    soak = Soak(options)
    try:
        return soak.run()
    except (Failed, OSError) as failure:
        print(f"soak: {failure}", file=sys.stderr)
        return 1
    finally:
        soak.close()


if __name__ == "__main__":
    sys.exit(main())
