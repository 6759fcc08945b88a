"""ccxt's private side against kraken-sim: signed REST calls, orders over both ways in, and what ccxt.pro watches.

Usage: ccxt_account.py WS_URL REST_URL CONTROL_SOCKET
"""

import asyncio
import sys
import time

import ccxt.pro
from ccxt.base import errors

from judging import KEY, SECRET, WRONG_SECRET, Checks, inject, until

WS_URL, REST_URL, CONTROL = sys.argv[1:]
SYMBOL = "BTC/USD"
FAR = 20000.0  # A price at which nothing is sold.
check = Checks("ccxt-account")


def kraken(key=KEY, secret=SECRET):
    exchange = ccxt.pro.kraken({"apiKey": key, "secret": secret, "enableRateLimit": False})
    # Milliseconds would step back behind those who used the key before.
    exchange.nonce = time.time_ns
    for name in exchange.urls["api"]:
        if name != "ws":
            exchange.urls["api"][name] = REST_URL
    private = WS_URL.removesuffix("/v2") + "/auth/v2"
    exchange.urls["api"]["ws"] = {name: private for name in exchange.urls["api"]["ws"]}
    return exchange


async def refusal(call):
    """The exception that a call ends with."""
    try:
        await call
    except errors.BaseError as error:
        return error
    return None


async def doors():
    for name, exchange in {"key": kraken(key="WRONG/KEY"), "signature": kraken(secret=WRONG_SECRET)}.items():
        error = await refusal(exchange.fetch_balance())
        check(f"wrong {name} refused", f"EAPI:Invalid {name}" in str(error), repr(error))
        await exchange.close()


async def rest(exchange):
    before = await exchange.fetch_balance()
    check("balances", before["BTC"]["free"] > 900 and before["USD"]["free"] > 1e6, str(before["BTC"]))

    params = {"postOnly": True, "clientOrderId": "ccxt-1"}
    limit = await exchange.create_order(SYMBOL, "limit", "buy", 0.01, FAR, params)
    order = await exchange.fetch_order(limit["id"])
    expected = {"status": "open", "symbol": SYMBOL, "side": "buy", "type": "limit", "price": FAR, "amount": 0.01,
                "filled": 0, "postOnly": True, "clientOrderId": "ccxt-1"}
    check("limit order open", {key: order[key] for key in expected} == expected, str(order["id"]))
    held = await exchange.fetch_balance()
    check("and bound money", abs(held["USD"]["used"] - 200 * 1.004) < 0.01, str(held["USD"]))
    await exchange.edit_order(limit["id"], SYMBOL, "limit", "buy", 0.02, FAR - 0.5)
    amended = await exchange.fetch_open_orders(SYMBOL)
    check("amended", [(o["id"], o["amount"], o["price"]) for o in amended] == [(limit["id"], 0.02, FAR - 0.5)])
    await exchange.cancel_order(limit["id"])
    order = await exchange.fetch_order(limit["id"])
    check("cancelled", order["status"] == "canceled" and await exchange.fetch_open_orders() == [])
    check("not cancelled twice", isinstance(await refusal(exchange.cancel_order(limit["id"])), errors.OrderNotFound))

    market = await exchange.create_order(SYMBOL, "market", "sell", 0.5)
    sold = await exchange.fetch_order(market["id"])
    check("market order filled", sold["status"] == "closed" and sold["filled"] == 0.5 and len(sold["trades"]) > 0)
    fills = [t for t in await exchange.fetch_my_trades(SYMBOL) if t["order"] == market["id"]]
    amount = sum(t["amount"] for t in fills)
    check("its fills add up", abs(amount - 0.5) < 1e-9 and fills[0]["takerOrMaker"] == "taker")
    after = await exchange.fetch_balance()
    gained = sum(t["cost"] - t["fee"]["cost"] for t in fills)
    moved = (after["BTC"]["total"] - before["BTC"]["total"], after["USD"]["total"] - before["USD"]["total"])
    check("and moved both balances", abs(moved[0] + 0.5) < 1e-9 and abs(moved[1] - gained) < 0.01, str(moved))
    closed = [o["id"] for o in await exchange.fetch_closed_orders(SYMBOL)]
    check("both orders closed", set(closed[-2:]) == {limit["id"], market["id"]}, str(closed))
    spent = await exchange.create_market_buy_order_with_cost(SYMBOL, 100)
    order = await exchange.fetch_order(spent["id"])
    check("order by its cost", order["status"] == "closed" and abs(order["filled"] * order["average"] - 100) < 1)
    stop = await exchange.create_order(SYMBOL, "limit", "sell", 0.01, FAR, {"stopLossPrice": FAR + 10})
    order = await exchange.fetch_order(stop["id"])
    terms = (order["status"], order["stopLossPrice"], order["price"])
    check("stop-loss with a limit waits", terms == ("open", FAR + 10, FAR))
    await exchange.cancel_all_orders()
    check("all cancelled", await exchange.fetch_open_orders() == [])
    switch = await exchange.cancel_all_orders_after(60000)
    check("dead man's switch", switch["result"]["triggerTime"] > switch["result"]["currentTime"])
    await exchange.cancel_all_orders_after(0)

    for name, amount, kind in [("too little", 1e-8, errors.InvalidOrder), ("too dear", 1e6, errors.InsufficientFunds)]:
        error = await refusal(exchange.create_order(SYMBOL, "limit", "buy", amount, FAR))
        check(f"{name}: {kind.__name__}", isinstance(error, kind), repr(error))
    inject(CONTROL, "nonce-error")
    error = await refusal(exchange.fetch_balance())
    check("nonce refused", isinstance(error, errors.InvalidNonce), repr(error))


class Watcher:
    """Keeps what one of ccxt's watch methods gives, while it runs."""

    def __init__(self, watch):
        self.items = []
        self.news = asyncio.Event()
        self.task = asyncio.ensure_future(self.run(watch))

    async def run(self, watch):
        while True:
            got = await watch()
            # ccxt goes on writing to what it has given.
            self.items += [dict(item) for item in got] if isinstance(got, list) else [got]
            self.news.set()

    async def has(self, condition, seconds=10):
        try:
            async with asyncio.timeout(seconds):
                while not any(condition(item) for item in self.items):
                    self.news.clear()
                    await self.news.wait()
            return True
        except asyncio.TimeoutError:
            return False


async def watching(exchange):
    trades = Watcher(exchange.watch_my_trades)
    orders = Watcher(exchange.watch_orders)
    balances = Watcher(exchange.watch_balance)
    watchers = [trades, orders, balances]
    try:
        check("balances watched", await balances.has(lambda b: b["BTC"]["total"] is not None))
        check("earlier fills watched", await trades.has(lambda t: t["side"] == "sell"))
        first = balances.items[-1]["BTC"]["total"]

        placed = await exchange.create_order_ws(SYMBOL, "limit", "buy", 0.01, FAR, {"clientOrderId": "ccxt-2"})
        check("limit order watched", await orders.has(lambda o: o["id"] == placed["id"] and o["status"] == "open"))
        await exchange.edit_order_ws(placed["id"], SYMBOL, "limit", "buy", 0.02, FAR)
        check("amendment watched", await orders.has(lambda o: o["id"] == placed["id"] and o["amount"] == 0.02))
        await exchange.cancel_order_ws(placed["id"])
        check("end watched", await orders.has(lambda o: o["id"] == placed["id"] and o["status"] == "canceled"))

        bought = await exchange.create_order_ws(SYMBOL, "market", "buy", 0.25)
        filled = await orders.has(lambda o: o["id"] == bought["id"] and o["status"] == "closed")
        check("market order's end watched", filled)
        paid = await trades.has(lambda t: t["order"] == bought["id"] and t["fee"]["cost"] > 0)
        check("its fills watched", paid)
        # Of messages that come at once watch_balance gives one; what ccxt keeps has seen them all.
        seen = await until(lambda: abs(exchange.balance["spot"]["BTC"]["total"] - first - 0.25) < 1e-9, 10)
        check("its quantity watched", seen)

        stop = await exchange.create_order_ws(SYMBOL, "market", "sell", 0.01, None, {"stopLossPrice": FAR})
        rested = [await exchange.create_order_ws(SYMBOL, "limit", "buy", 0.01, FAR + n) for n in range(2)]
        await exchange.cancel_orders_ws([order["id"] for order in rested])
        for order in rested:
            gone = await orders.has(lambda o: o["id"] == order["id"] and o["status"] == "canceled")
            check("cancelled with another", gone)
        answer = await exchange.cancel_all_orders_ws()
        check("all cancelled", answer["result"]["count"] == 1, str(answer["result"]))
        gone = await orders.has(lambda o: o["id"] == stop["id"] and o["status"] == "canceled")
        check("the stop-loss order too", gone)

        error = await refusal(exchange.create_order_ws(SYMBOL, "limit", "buy", 1e-8, FAR))
        check("order below the minimum refused", error is not None and "minimum" in str(error), repr(error))
        error = await refusal(exchange.cancel_order_ws(placed["id"]))
        check("no second end", error is not None and "Unknown order" in str(error), repr(error))
    finally:
        for watcher in watchers:
            watcher.task.cancel()
        await asyncio.gather(*[watcher.task for watcher in watchers], return_exceptions=True)


async def main():
    await doors()
    exchange = kraken()
    try:
        await rest(exchange)
        await watching(exchange)
    finally:
        await exchange.close()


try:
    asyncio.run(asyncio.wait_for(main(), 50))
except asyncio.TimeoutError:
    check("finished in time", False)
check.finish()
