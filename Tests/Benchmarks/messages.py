"""What goes over the wire in the benchmarks: Kraken's messages (WebSocket v2, and v1 for cryptofeed) with true checksums,
the bridge's lines for them, and the file in which native/load.c takes them.

Everything follows from a fixed seed, so that every system gets the same bytes in every run.
"""

import json
import random
import struct
import zlib

TIME = "2026-11-23T06:49:03.%06dZ"


def symbols(count):
    return ["BTC/USD"] + [f"C{number:04}/USD" for number in range(1, count)]


def frame(text):
    """A server's text frame: unmasked."""
    length = len(text)
    if length < 126:
        return bytes([0x81, length]) + text
    if length < 65536:
        return struct.pack(">BBH", 0x81, 126, length) + text
    return struct.pack(">BBQ", 0x81, 127, length) + text


def pack(path, messages):
    """Writes the file for --messages of native/load.c."""
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(messages)))
        file.write(struct.pack(f"<{len(messages)}I", *map(len, messages)))
        file.writelines(messages)


class Trades:
    """Single trades, in turn over the symbols."""

    channel = "trade"

    def __init__(self, names):
        self.names = names
        self.chance = random.Random(1)
        self.number = 0

    def _next(self):
        self.number += 1
        symbol = self.names[self.number % len(self.names)]
        price = f"{81000 + self.chance.randrange(10000) / 10:.1f}"
        quantity = f"{self.chance.randrange(1, 10**8) / 1e8:.8f}"
        return symbol, price, quantity, TIME % (self.number % 1000000), 59000000 + self.number

    def snapshot(self, symbol):
        item = self._item(symbol, "81000.0", "0.10000000", TIME % 0, 59000000)
        return b'{"channel":"trade","type":"snapshot","data":[%s]}' % item

    @staticmethod
    def _item(symbol, price, quantity, time, number):
        return (f'{{"symbol":"{symbol}","side":"sell","price":{price},"qty":{quantity},"ord_type":"market",'
                f'"trade_id":{number},"timestamp":"{time}"}}').encode()

    def messages(self, count):
        return [b'{"channel":"trade","type":"update","data":[%s]}' % self._item(*self._next()) for _ in range(count)]

    def old_messages(self, count):
        """The same in WebSocket v1, where symbols have their old names."""
        texts = []
        for _ in range(count):
            symbol, price, quantity, _, number = self._next()
            trade = f'[["{price}","{quantity}","{1795416543 + number / 1e6:.6f}","s","m",""]]'
            texts.append(f'[119930880,{trade},"trade","{symbol.replace("BTC", "XBT")}"]'.encode())
        return texts

    def lines(self, count):
        """What the bridge makes of them."""
        texts = []
        for _ in range(count):
            symbol, price, quantity, time, number = self._next()
            seq = 1795416540857841 + number
            texts.append((
                f'{{"channel":"trade","type":"update","symbol":"{symbol}","seq":{seq},"prev":{seq - 1},"time":"{time}",'
                f'"received":"2026-11-23T06:49:03.{number:09}Z","data":{{"side":"sell","price":{price},"qty":{quantity},'
                f'"ord_type":"market","trade_id":{number}}}}}\n').encode())
        return texts


class Books:
    """Order books whose levels change their quantity one at a time, each change with the checksum that follows from it."""

    channel = "book"

    def __init__(self, names, depth=10):
        self.names = names
        self.depth = depth
        self.chance = random.Random(2)
        self.number = 0
        self.books = {name: self._book() for name in names}

    def _book(self):
        """Asks and bids, best first: price and quantity as text."""
        def side(step):
            return [[f"{81000 + (number + 1) * step / 10:.1f}", self._quantity()] for number in range(self.depth)]
        return side(1), side(-1)

    def _quantity(self):
        return f"{self.chance.randrange(1, 4 * 10**8) / 1e8:.8f}"

    @staticmethod
    def _checksum(book):
        asks, bids = book
        text = "".join(
            price.replace(".", "").lstrip("0") + quantity.replace(".", "").lstrip("0")
            for side in (asks, bids) for price, quantity in side[:10])
        return zlib.crc32(text.encode())

    @staticmethod
    def _levels(side):
        return ",".join(f'{{"price":{price},"qty":{quantity}}}' for price, quantity in side)

    def snapshot(self, symbol):
        book = self.books[symbol]
        return (
            f'{{"channel":"book","type":"snapshot","data":[{{"symbol":"{symbol}","bids":[{self._levels(book[1])}],'
            f'"asks":[{self._levels(book[0])}],"checksum":{self._checksum(book)},"timestamp":"{TIME % 0}"}}]}}').encode()

    def _next(self):
        self.number += 1
        symbol = self.names[self.number % len(self.names)]
        book = self.books[symbol]
        which = self.chance.randrange(2)
        level = book[which][self.chance.randrange(self.depth)]
        level[1] = self._quantity()
        changed = f'{{"price":{level[0]},"qty":{level[1]}}}'
        bids, asks = (changed, "") if which else ("", changed)
        changes = f'"bids":[{bids}],"asks":[{asks}],"checksum":{self._checksum(book)}'
        return symbol, changes, TIME % (self.number % 1000000)

    def messages(self, count):
        return [
            f'{{"channel":"book","type":"update","data":[{{"symbol":"{symbol}",{changes},"timestamp":"{time}"}}]}}'.encode()
            for symbol, changes, time in (self._next() for _ in range(count))]

    def lines(self, count):
        """What the bridge makes of them."""
        texts = []
        for _ in range(count):
            symbol, changes, time = self._next()
            seq = 1795416540857841 + self.number
            texts.append((
                f'{{"channel":"book","type":"update","symbol":"{symbol}","depth":{self.depth},"seq":{seq},"prev":{seq - 1},'
                f'"time":"{time}","received":"2026-11-23T06:49:03.{self.number:09}Z","data":{{{changes}}}}}\n').encode())
        return texts


def instruments(names):
    """The snapshot of the instrument channel for these pairs."""
    pairs = [
        {"symbol": name, "base": name.split("/")[0], "quote": "USD", "status": "online", "qty_precision": 8,
         "qty_increment": 1e-08, "price_precision": 1, "cost_precision": 5, "marginable": False, "has_index": False,
         "cost_min": 0.5, "tick_size": 0.1, "price_increment": 0.1, "qty_min": 5e-05}
        for name in names]
    assets = [{"id": name, "status": "enabled", "precision": 10, "precision_display": 5, "borrowable": False,
               "collateral_value": 0.0} for name in ["USD"] + [name.split("/")[0] for name in names]]
    snapshot = {"channel": "instrument", "type": "snapshot", "data": {"assets": assets, "pairs": pairs}}
    return json.dumps(snapshot, separators=(",", ":")).encode()


def asset_pairs(names):
    """The REST call AssetPairs, with the old symbol names that WebSocket v1 knows."""
    result = {
        name.replace("/", ""): {"wsname": name.replace("BTC", "XBT"), "altname": name.replace("/", "")} for name in names}
    return json.dumps({"error": [], "result": result}).encode()
