#!/usr/bin/python3
"""Readers across restarts of the service: who lost what, judged by their lines alone.

    restarts.py [READERS]      default 50; run as root where kraken-bridge.service is installed and started

Five restarts and one SIGKILL. A reader is wronged by the end of its connection, a goodbye, a torn line, an update whose
`prev` is not the last line of its topic that it got (unless a gap was told before), or numbers that go back.
Exit status 0 if nobody was wronged.
"""

import json
import os
import select
import socket
import subprocess
import sys
import time

SERVICE = "kraken-bridge.service"
SOCKETS = os.environ.get("RUNTIME_DIRECTORY", "/run/kraken-bridge")
RESTARTS = 5
REQUESTS = (b'{"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD","ETH/USD"]}}\n'
            b'{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":10}}\n')


class Reader:
    def __init__(self, number):
        self.number = number
        self.wrongs = []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(f"{SOCKETS}/{'feed' if number % 3 == 0 else 'bridge'}.sock")
        if number % 3:
            self.socket.sendall(REQUESTS)
        self.socket.setblocking(False)
        self.ended = False
        self.rest = b""
        self.last = 0
        self.newest = {}
        self.lines = self.gaps = self.stales = self.snapshots = 0

    def wrong(self, *words):
        self.wrongs.append(" ".join(str(word) for word in words))

    def read(self):
        try:
            more = self.socket.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError as error:
            more = b""
            self.wrong("error", error)
        if not more:
            self.ended = True
            self.wrong("the connection ended")
        *lines, self.rest = (self.rest + more).split(b"\n")
        for line in lines:
            self.take(line)

    def take(self, text):
        try:
            line = json.loads(text)
        except ValueError:
            return self.wrong("no line of ours:", text[:200])
        self.lines += 1
        if "method" in line:
            return
        if line["channel"] == "bridge":
            kind = line["type"]
            if kind == "goodbye":
                self.wrong("sent away:", text)
            elif kind == "gap":
                self.gaps += 1
                self.newest = {}
            elif kind == "stale":
                self.stales += 1
            return
        topic = tuple(line.get(key) for key in ("channel", "symbol", "asset", "depth", "interval", "event_trigger"))
        seq = line["seq"]
        if line["type"] == "snapshot":
            self.snapshots += 1
        else:
            if seq <= self.last:
                self.wrong("number", seq, "after", self.last)
            self.last = seq
            if line.get("prev") != self.newest.get(topic):
                self.wrong("unmarked: prev", line.get("prev"), "after", self.newest.get(topic), "of", topic)
        self.newest[topic] = seq


def systemctl(*arguments):
    return subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=False)


def pump(readers, until, seconds=20):
    """Lets everybody read until the condition holds. Returns whether it came to hold."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        open_ones = [reader for reader in readers if not reader.ended]
        ready, _, _ = select.select([reader.socket for reader in open_ones], [], [], 0.05)
        ready = set(ready)
        for reader in open_ones:
            if reader.socket in ready:
                reader.read()
        if until():
            return True
    return False


def check(what, holds, details=""):
    print(f"{'ok  ' if holds else 'FAIL'}  {what}  {details}", flush=True)
    return holds


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    readers = [Reader(number) for number in range(count)]
    held = [check("everybody gets snapshots", pump(readers, lambda: all(r.snapshots for r in readers)))]

    def after(what, command, gaps):
        """Whatever happens to the service, everybody has fresh snapshots in the end."""
        before = [r.snapshots for r in readers]
        gaps_before = sum(r.gaps for r in readers)
        began = time.monotonic()
        process = subprocess.Popen(command)
        pump(readers, lambda: process.poll() is not None)
        back = pump(readers, lambda: all(r.snapshots > had for r, had in zip(readers, before)))
        told = sum(r.gaps for r in readers) - gaps_before
        held.append(check(what, back and process.returncode == 0 and told == gaps and not any(r.ended for r in readers),
                          f"{time.monotonic() - began:.1f} s, {told} gaps told, "
                          f"{sum(r.ended for r in readers)} disconnected, {sum(r.lines for r in readers)} lines so far"))

    for number in range(RESTARTS):
        after(f"restart {number + 1}", ["systemctl", "restart", SERVICE], 0)
    after("SIGKILL", ["systemctl", "kill", "--signal=KILL", SERVICE], count)
    after("a restart after that", ["systemctl", "restart", SERVICE], 0)
    wronged = [reader for reader in readers if reader.wrongs]
    held.append(check("nobody was wronged", not wronged))
    for reader in wronged[:10]:
        print(f"      reader {reader.number}: {reader.wrongs[:3]}")
    for reader in readers:
        reader.socket.close()
    kept = pump([], lambda: int(systemctl("show", "--value", "--property=NFileDescriptorStore", SERVICE).stdout) <= 6)
    held.append(check("who left is kept no longer", kept))
    sys.exit(0 if all(held) else 1)


main()
