"""python-kraken-sdk handling Kraken's messages: sdk_handle.py FILE MESSAGES

What its connection does with a text that has arrived: json.loads, then the callback. For books the callback is its own
order book client, which applies and verifies each update; for everything else it is one that does nothing, because the
library leaves the rest to its user. No network is used: where the library asks for a pair's decimals, it is given those
that the messages have.
"""

import asyncio
import json
from importlib.metadata import version

from kraken.spot import SpotOrderBookClient

from measuring import Stopwatch, messages, repeated, report

lines, count = messages("sdk_handle.py")
first = json.loads(lines[0], parse_float=str)
is_book = first["channel"] == "book"


def decimals():
    """Digits after the point of prices and quantities, by pair, as the snapshots write them."""
    pairs = {}
    for line in lines:
        message = json.loads(line, parse_float=str, parse_int=str)
        if message["type"] != "snapshot":
            continue
        for item in message["data"]:
            places = {key: max(len(str(level[key]).partition(".")[2]) for level in item["bids"] + item["asks"])
                      for key in ("price", "qty")}
            pairs[item["symbol"]] = {"pair_decimals": places["price"], "lot_decimals": places["qty"]}
    return pairs


class Market:
    def __init__(self, pairs):
        self.pairs = pairs

    def get_asset_pairs(self, pair):
        return {pair: self.pairs[pair]}


def make_callback(market, seen, clients):
    """A fresh book client, since its books do not start anew with a snapshot."""
    if not is_book:
        async def ignore(_message):
            seen[0] += 1
        return ignore

    async def updated(pair, message):
        assert "error" not in message, message
        seen[0] += 1
    client = SpotOrderBookClient(depth=10, callback=updated)
    client._SpotOrderBookClient__market = market
    clients.append(client)
    return client.on_message


async def main():
    market = Market(decimals() if is_book else {})
    seen = [0]
    clients = []
    with Stopwatch() as stopwatch:
        for index, line in enumerate(repeated(lines, count)):
            if index % len(lines) == 0:
                callback = make_callback(market, seen, clients)
            await callback(json.loads(line))
    for client in clients:
        await client.close()
    assert seen[0] == count, f"{seen[0]} of {count} messages were handled"
    report(lines, count, stopwatch.cpu, stopwatch.wall, python_kraken_sdk=version("python-kraken-sdk"))


asyncio.run(main())
