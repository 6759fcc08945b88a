"""python-kraken-sdk against kraken-sim: its own order book class verifies every checksum.

Usage: sdk_client.py WS_URL REST_URL CONTROL_SOCKET
"""

import asyncio
import sys

from kraken.base_api import SpotClient
from kraken.spot import SpotOrderBookClient, SpotWSClient

from judging import Checks, inject, until

WS_URL, REST_URL, CONTROL = sys.argv[1:]
# The order book class takes no address, so the defaults of its base classes are set.
SpotClient.URL = REST_URL
SpotWSClient.WS_URL = WS_URL.removesuffix("/v2")

SYMBOLS = ["BTC/USD", "DOGE/USD", "SHIB/USD", "ETH/BTC", "KSM/BTC"]
check = Checks("python-kraken-sdk")


class Books(SpotOrderBookClient):
    def __init__(self, depth):
        super().__init__(depth=depth)
        self.valid = {}
        self.mismatches = 0

    async def on_book_update(self, pair, message):
        if "error" in message:
            self.mismatches += 1
        elif message["type"] == "update" and self.get(pair=pair)["valid"]:
            self.valid[pair] = self.valid.get(pair, 0) + 1


async def books(depth, updates):
    client = Books(depth)
    await client.start()
    try:
        await client.add_book(pairs=SYMBOLS)
        reached = await until(lambda: all(client.valid.get(symbol, 0) >= updates for symbol in SYMBOLS))
        check(f"books of depth {depth} verified", reached and client.mismatches == 0, str(client.valid))
        if depth == 10:
            # The check is really on: a wrong checksum is noticed, and the book comes back afterwards.
            inject(CONTROL, "wrong-checksum symbol=BTC/USD")
            noticed = await until(lambda: client.mismatches == 1)
            check("wrong checksum noticed", noticed)
            before = client.valid["BTC/USD"]
            again = await until(lambda: client.valid["BTC/USD"] >= before + 5)
            check("book comes back after a new subscription", again and client.mismatches == 1)
    finally:
        await client.close()


async def feeds():
    counts = {}
    refusals = []

    async def on_message(message):
        if message.get("success") is False:
            refusals.append(message)
        key = (message.get("channel"), message.get("type"))
        counts[key] = counts.get(key, 0) + 1

    client = SpotWSClient(callback=on_message)
    await client.start()
    try:
        await client.subscribe(params={"channel": "ticker", "symbol": SYMBOLS, "event_trigger": "bbo"})
        await client.subscribe(params={"channel": "trade", "symbol": SYMBOLS, "snapshot": True})
        await client.subscribe(params={"channel": "ohlc", "symbol": SYMBOLS, "interval": 5})
        await client.subscribe(params={"channel": "instrument"})
        wanted = [(channel, kind) for channel in ("ticker", "trade", "ohlc") for kind in ("snapshot", "update")]
        wanted += [("instrument", "snapshot"), ("heartbeat", None)]
        reached = await until(lambda: all(counts.get(key, 0) > 0 for key in wanted))
        check("ticker, trade, ohlc, instrument and heartbeat received", reached and not refusals, str(counts))
        subscribed = len(client.active_public_subscriptions)
        check("subscriptions acknowledged", subscribed == 3 * len(SYMBOLS) + 1, str(subscribed))
        await client.unsubscribe(params={"channel": "trade", "symbol": SYMBOLS})
        left = await until(lambda: len(client.active_public_subscriptions) == 2 * len(SYMBOLS) + 1)
        check("unsubscription acknowledged", left)
    finally:
        await client.close()


async def main():
    await asyncio.gather(books(10, 30), books(25, 30), books(100, 30), feeds())


asyncio.run(main())
check.finish()
