"""A user's own bridge: python-kraken-sdk receives trades, and an asyncio server writes each as a line to all readers.

Usage: sdk_relay.py WS_URL SOCKET SYMBOL…
Written the way one does it in an afternoon: no checks, no replay, nobody is told what was missed.
"""

import asyncio
import json
import sys

from kraken.spot import SpotWSClient

URL, PATH, *SYMBOLS = sys.argv[1:]
SpotWSClient.WS_URL = URL
writers = set()


async def welcome(reader, writer):
    writer.write(b'{"channel":"hello"}\n')
    writers.add(writer)
    try:
        await reader.read()
    finally:
        writers.discard(writer)
        writer.close()


async def on_message(message):
    if message.get("channel") != "trade" or message.get("type") != "update":
        return
    for trade in message["data"]:
        line = json.dumps({"channel": "trade", "type": "update", "data": trade}, separators=(",", ":")).encode() + b"\n"
        for writer in writers:
            writer.write(line)


async def main():
    server = await asyncio.start_unix_server(welcome, PATH)
    client = SpotWSClient(callback=on_message)
    await client.start()
    await client.subscribe(params={"channel": "trade", "symbol": SYMBOLS, "snapshot": False})
    async with server:
        await server.serve_forever()


asyncio.run(main())
