"""cryptofeed handling the same content: cryptofeed_handle.py FILE MESSAGES

cryptofeed speaks Kraken's older WebSocket API, so every message is written in that form first, outside the measured
part. Measured is its message handler, with callbacks that do nothing, for books, trades, tickers and candles; its
verification of checksums is off, as it is by default. Other channels it does not have: exit status 77.
"""

import asyncio
import json
import sys
from importlib.metadata import version

from cryptofeed.defines import CANDLES, KRAKEN, L2_BOOK, TICKER, TRADES
from cryptofeed.exchanges import Kraken
from cryptofeed.symbols import Symbols

from measuring import Stopwatch, messages, repeated, report

lines, count = messages("cryptofeed_handle.py")


def levels(side, time):
    return [[level["price"], level["qty"], time] for level in side]


def book(message, item):
    time = str(item.get("timestamp", "0"))
    if message["type"] == "snapshot":
        return [{"as": levels(item["asks"], time), "bs": levels(item["bids"], time)}]
    sides = {key: levels(item[name], time) for key, name in (("a", "asks"), ("b", "bids")) if item[name]}
    parts = [{key: value} for key, value in sides.items()] or [{"a": []}]
    parts[0]["c"] = item["checksum"]
    return parts


def ticker(_message, item):
    def twice(value):
        return [value, value]
    return [{
        "a": [item["ask"], 0, item["ask_qty"]], "b": [item["bid"], 0, item["bid_qty"]], "c": [item["last"], "0"],
        "v": twice(item["volume"]), "p": twice(item["vwap"]), "t": [0, 0], "l": twice(item["low"]),
        "h": twice(item["high"]), "o": twice(item["last"])}]


def trade(item):
    return [item["price"], item["qty"], "1790000000.000000", item["side"][0], item["ord_type"][0], ""]


def candle(_message, item):
    return [["1790000000.0", "1790000060.0", item["open"], item["high"], item["low"], item["close"], item["vwap"],
             item["volume"], int(item["trades"])]]


CHANNELS = {
    "book": (L2_BOOK, "book-10", book), "ticker": (TICKER, "ticker", ticker),
    "trade": (TRADES, "trade", lambda message, _item: [[trade(item) for item in message["data"]]]),
    "ohlc": (CANDLES, "ohlc-1", candle),
}


def older(line):
    """The messages of the older API that say the same: one for each candle of a snapshot, else one."""
    message = json.loads(line, parse_float=str, parse_int=str)
    _, name, write = CHANNELS[message["channel"]]
    items = message["data"] if message["channel"] == "ohlc" else message["data"][:1]
    return [json.dumps([1, *write(message, item), name, item["symbol"]], separators=(",", ":")) for item in items]


def symbols():
    return sorted({item["symbol"] for line in lines for item in json.loads(line)["data"]})


async def main():
    channel = json.loads(lines[0])["channel"]
    if channel not in CHANNELS:
        sys.exit(77)
    kind = CHANNELS[channel][0]
    names = symbols()
    Symbols.set(KRAKEN, {name.replace("/", "-"): name for name in names}, {})
    seen = [0]

    async def ignore(_item, _time):
        seen[0] += 1

    feed = Kraken(
        symbols=[name.replace("/", "-") for name in names], channels=[kind], callbacks={kind: ignore}, max_depth=10)
    texts = [older(line) for line in lines]
    with Stopwatch() as stopwatch:
        for batch in repeated(texts, count):
            for text in batch:
                await feed.message_handler(text, None, 0.0)
    assert seen[0] >= count, f"{seen[0]} of {count} messages were handled"
    report(lines, count, stopwatch.cpu, stopwatch.wall, cryptofeed=version("cryptofeed"))


asyncio.run(main())
