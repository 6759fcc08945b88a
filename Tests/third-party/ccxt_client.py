"""ccxt.pro against kraken-sim: watchOrderBook with its checksum check on, and the other public feeds.

Usage: ccxt_client.py WS_URL REST_URL CONTROL_SOCKET
"""

import asyncio
import json
import sys
import types

import ccxt.pro
from ccxt.async_support.base.ws import client as ccxt_ws
from ccxt.base.errors import ChecksumError

from judging import Checks, inject

WS_URL, REST_URL, CONTROL = sys.argv[1:]
SYMBOLS = ["BTC/USD", "DOGE/USD", "SHIB/USD", "ETH/BTC"]
check = Checks("ccxt")


class Digits(float):
    """A float that remembers how it was written.

    ccxt's check works on the text of numbers, which Python's floats have lost by then; so numbers come out of the
    JSON reader as text and become these.
    """

    def __new__(cls, text):
        number = super().__new__(cls, text)
        number.text = str(text)
        return number

    def __str__(self):
        return self.text

    def split(self, separator):
        return self.text.split(separator)


ccxt_ws.json_parser = types.SimpleNamespace(
    loads=lambda text: json.loads(text, parse_float=str), dumps=ccxt_ws.json_parser.dumps
)


def kraken():
    exchange = ccxt.pro.kraken({"enableRateLimit": False})
    for name in exchange.urls["api"]:
        if name != "ws":
            exchange.urls["api"][name] = REST_URL
    exchange.urls["api"]["ws"] = {name: WS_URL for name in exchange.urls["api"]["ws"]}
    exchange.options["watchOrderBook"] = {"checksum": True}
    return exchange


async def books(exchange, symbol, updates):
    for _ in range(updates):
        book = await exchange.watch_order_book(symbol, 10)
    ordered = book["bids"][0][0] < book["asks"][0][0]
    check(f"{updates} verified book messages of {symbol}", ordered and len(book["bids"]) == 10)


async def feeds(exchange):
    ticker = await exchange.watch_ticker("BTC/USD")
    check("ticker", ticker["bid"] < ticker["ask"], f"{ticker['bid']} {ticker['ask']}")
    trades = []
    while len(trades) < 5:
        trades += await exchange.watch_trades("BTC/USD")
    check("trades", all(trade["price"] > 0 and trade["amount"] > 0 for trade in trades), str(len(trades)))
    candles = await exchange.watch_ohlcv("ETH/BTC", "5m")
    open_, high, low, close, volume = (float(value) for value in candles[-1][1:6])
    check("candles", low <= min(open_, close) <= max(open_, close) <= high and volume > 0, str(candles[-1]))


async def main():
    exchange = kraken()
    try:
        markets = await exchange.load_markets()
        exchange.number = Digits
        check("markets from REST", set(SYMBOLS) <= set(markets), str(len(markets)))
        await asyncio.gather(*[books(exchange, symbol, 30) for symbol in SYMBOLS], feeds(exchange))
        inject(CONTROL, "wrong-checksum symbol=BTC/USD")
        noticed = False
        try:
            for _ in range(200):
                await exchange.watch_order_book("BTC/USD", 10)
        except ChecksumError:
            noticed = True
        check("wrong checksum noticed", noticed)
    finally:
        await exchange.close()


try:
    asyncio.run(asyncio.wait_for(main(), 40))
except asyncio.TimeoutError:
    check("finished in time", False)
check.finish()
