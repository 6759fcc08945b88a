"""Readers who hold the bridge to its word, by their own lines alone: nothing of the bridge's code is in here.

A reader is wronged by the end of its connection, a goodbye, a line that is none, numbers that go back, an update whose
`prev` is not the last line of its topic that it got, an update or a snapshot where the other was announced, and a book
that does not add up to Kraken's checksum.
"""

import json
import selectors
import socket
import time
import zlib

from service import SOCKETS

KEYS = ("channel", "symbol", "asset", "depth", "interval", "event_trigger")
CHECKED = ("book", "BTC/USD")

# Everybody gets the same bytes, so what they say is looked up by all but the first.
_known = {}


def read(text):
    line = _known.get(text)
    if line is None:
        if len(_known) > 100_000:
            _known.clear()
        line = _known[text] = json.loads(text, parse_float=str)
        line["topic"] = tuple(line.get(key) for key in KEYS)
    return line


class Book:
    """The levels that one reader was told of."""

    def __init__(self):
        self.sides = {"bids": {}, "asks": {}}

    def take(self, line):
        if line["type"] == "snapshot":
            self.__init__()
        text = ""
        for side in ("asks", "bids"):
            levels = self.sides[side]
            for level in line["data"][side]:
                levels[float(level["price"])] = (level["price"], level["qty"])
                if float(level["qty"]) == 0:
                    del levels[float(level["price"])]
            best = sorted(levels, reverse=side == "bids")[: line["depth"]]
            self.sides[side] = {price: levels[price] for price in best}
            for price in best[:10]:
                text += "".join(str(number).replace(".", "").lstrip("0") for number in levels[price])
        return zlib.crc32(text.encode()) == line["data"]["checksum"]


class Follower:
    """A reader that follows everything: by its listener, or by what it asks for."""

    REQUESTS = b"".join(
        json.dumps({"method": "subscribe", "params": {"channel": channel, "symbol": "*"}}).encode() + b"\n"
        for channel in ("book", "ticker", "trade", "spread"))

    def __init__(self, asks, proves_books=False):
        self.asks = asks
        self.book = Book() if proves_books else None
        self.books_proved = 0
        self.wrongs = []
        self.has_ended = False
        self.rest = b""
        self.last = 0
        self.newest = {}
        # Topics that were said to be uncertain: a snapshot comes next.
        self.awaited = set()
        self.lines = self.gaps = self.stales = self.snapshots = self.breaks = 0
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(SOCKETS / ("bridge.sock" if asks else "feed.sock")))
        if asks:
            self.socket.sendall(self.REQUESTS)
        self.socket.setblocking(False)

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
            self.has_ended = True
            self.wrong("the connection ended")
        *lines, self.rest = (self.rest + more).split(b"\n")
        for line in lines:
            self.take(line)

    def take(self, text):
        if not text:
            self.breaks += 1
            return
        try:
            line = read(text)
        except ValueError:
            return self.wrong("no line:", text[:200])
        self.lines += 1
        if "method" in line:
            return
        if line["channel"] == "bridge":
            return self.take_news(line)
        seq, topic = line["seq"], line["topic"]
        if line["type"] == "snapshot":
            self.snapshots += 1
            # Of the others Kraken gives the whole state more than once at the start; it takes nothing away.
            if topic[0] in ("book", "trade") and topic in self.newest and topic not in self.awaited:
                self.wrong("a snapshot that nobody announced, of", topic)
            self.awaited.discard(topic)
        else:
            if seq <= self.last:
                self.wrong("number", seq, "after", self.last)
            self.last = seq
            if topic in self.awaited:
                self.wrong("an update where a snapshot was announced, of", topic)
            if line.get("prev") != self.newest.get(topic):
                self.wrong("unmarked: prev", line.get("prev"), "after", self.newest.get(topic), "of", topic)
        self.newest[topic] = seq
        if self.book and topic[:2] == CHECKED:
            self.books_proved += 1
            if not self.book.take(line):
                self.wrong("the book does not add up:", text[:200])

    def take_news(self, line):
        data = line["data"]
        if line["type"] == "goodbye":
            self.wrong("sent away:", line)
        elif line["type"] == "gap":
            self.gaps += 1
            self.awaited.update(self.newest)
        elif line["type"] == "stale":
            self.stales += 1
            if data["topics"] == "*":
                self.awaited.update(self.newest)
            else:
                self.awaited.update(tuple(topic.get(key) for key in KEYS) for topic in data["topics"])
            # What it followed is forgotten.
            if data["reason"] == "dropped" and data["topics"] == "*" and self.asks:
                self.socket.sendall(self.REQUESTS)


class Crowd:
    """Many followers, read by one loop."""

    def __init__(self, count):
        self.members = [Follower(asks=number % 4 != 0, proves_books=number < 2) for number in range(count)]
        self.selector = selectors.DefaultSelector()
        for member in self.members:
            self.selector.register(member.socket, selectors.EVENT_READ, member)

    def read(self, until=lambda: False, seconds=20):
        """Lets everybody read until the condition holds. Returns whether it came to hold."""
        end = time.monotonic() + seconds
        while not (holds := until()) and time.monotonic() < end:
            for key, _ in self.selector.select(0.05):
                key.data.read()
                if key.data.has_ended:
                    self.selector.unregister(key.fileobj)
        return holds

    def sum(self, name):
        return sum(getattr(member, name) for member in self.members)

    @property
    def is_whole(self):
        """Whether everybody has a state of everything that is not said to be uncertain."""
        return all(member.newest and not member.awaited for member in self.members if not member.has_ended)

    @property
    def wrongs(self):
        return [(number, wrong) for number, member in enumerate(self.members) for wrong in member.wrongs[:3]]

    def close(self):
        self.selector.close()
        for member in self.members:
            member.socket.close()
