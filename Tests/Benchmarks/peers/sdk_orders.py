"""Orders with python-kraken-sdk, one at a time: sdk_orders.py WS_URL REST_URL KEY SECRET ORDERS WARM_UP"""

import asyncio
import json
import sys
import time

from kraken.spot import SpotWSClient

WS_URL, REST_URL, KEY, SECRET, ORDERS, WARM_UP = sys.argv[1:]


async def main():
    answered = asyncio.Event()
    refusals = []

    async def on_message(message):
        if message.get("method") == "add_order":
            if not message["success"]:
                refusals.append(message)
            answered.set()

    client = SpotWSClient(
        key=KEY, secret=SECRET, callback=on_message, rest_url=REST_URL, ws_url=WS_URL, auth_ws_url=WS_URL + "/auth")
    await client.start()
    await client.subscribe(params={"channel": "executions", "snap_orders": False, "snap_trades": False})
    order = {"order_type": "limit", "side": "buy", "symbol": "BTC/USD", "limit_price": 20000, "order_qty": 0.001}
    times = []
    for number in range(int(ORDERS)):
        if number == int(WARM_UP):
            cpu = time.process_time()
        answered.clear()
        began = time.perf_counter()
        await client.send_message(message={"method": "add_order", "params": order})
        await answered.wait()
        times.append(time.perf_counter() - began)
    cpu = time.process_time() - cpu
    await client.close()
    if refusals:
        sys.exit(f"refused: {refusals[0]}")
    counted = sorted(times[int(WARM_UP):])
    print(json.dumps({"cpu_s": cpu, "latency_us": {
        f"p{percent}": counted[min(len(counted) - 1, len(counted) * percent // 100)] * 1e6 for percent in (50, 99)}}))


asyncio.run(main())
