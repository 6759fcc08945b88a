"""cryptofeed as a bridge: Kraken's trades to Unix sockets through its own backend, one backend for each reader.

Usage: cryptofeed_relay.py HTTP_URL SOCKET READERS SYMBOL…
"""

import asyncio
import sys

import uvloop
from cryptofeed import FeedHandler
from cryptofeed.backends.socket import TradeSocket
from cryptofeed.connection import RestEndpoint, Routes, WebsocketEndpoint
from cryptofeed.defines import TRADES
from cryptofeed.exchanges import Kraken

URL, PATH, READERS, *SYMBOLS = sys.argv[1:]


class Address(str):
    """The library insists on encrypted addresses; the exchange on this machine speaks without."""

    def startswith(self, prefix, *bounds):
        return prefix == "wss://" or super().startswith(prefix, *bounds)


Kraken.websocket_endpoints = [WebsocketEndpoint(Address(URL.replace("http", "ws")))]
Kraken.rest_endpoints = [RestEndpoint(URL, routes=Routes("/0/public/AssetPairs"))]

handler = FeedHandler(config={"log": {"filename": "cryptofeed-own.log", "level": "WARNING"}, "uvloop": False})
backends = [TradeSocket(f"uds://{PATH}") for _ in range(int(READERS))]
handler.add_feed(Kraken(symbols=SYMBOLS, channels=[TRADES], callbacks={TRADES: backends}))
# The library takes the thread's event loop, which recent versions of uvloop do not make by themselves.
asyncio.set_event_loop(uvloop.new_event_loop())
handler.run()
