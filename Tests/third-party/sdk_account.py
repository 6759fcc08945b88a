"""python-kraken-sdk's private side against kraken-sim: its signatures, its token, its orders.

Usage: sdk_account.py WS_URL REST_URL CONTROL_SOCKET
"""

import asyncio
import sys

from kraken.exceptions import KrakenInvalidAPIKeyError, KrakenInvalidSignatureError
from kraken.spot import SpotWSClient, Trade, User

from judging import KEY, SECRET, WRONG_SECRET, Checks, until

WS_URL, REST_URL, _ = sys.argv[1:]
check = Checks("python-kraken-sdk-account")


def is_refused(key, secret, error):
    try:
        User(key=key, secret=secret, url=REST_URL).get_account_balance()
    except error:
        return True
    return False


async def account():
    messages = []

    async def on_message(message):
        messages.append(message)

    def answers(method):
        return [m for m in messages if m.get("method") == method]

    def events(kind):
        items = [i for m in messages if m.get("channel") == "executions" for i in m["data"]]
        return [item for item in items if item.get("exec_type") == kind]

    client = SpotWSClient(
        key=KEY, secret=SECRET, callback=on_message, rest_url=REST_URL, ws_url=WS_URL.removesuffix("/v2"),
        auth_ws_url=WS_URL.removesuffix("/v2") + "/auth",
    )
    await client.start()
    try:
        await client.subscribe(params={"channel": "executions", "snap_orders": True, "snap_trades": True})
        await client.subscribe(params={"channel": "balances"})
        wanted = ["executions", "balances"]
        snapshots = await until(
            lambda: all(any(m.get("channel") == c and m.get("type") == "snapshot" for m in messages) for c in wanted))
        check("snapshots of executions and balances", snapshots)
        order = {"order_type": "limit", "side": "buy", "symbol": "BTC/USD", "limit_price": 20000, "order_qty": 0.01}
        await client.send_message(message={"method": "add_order", "params": order})
        await until(lambda: answers("add_order") and events("new"))
        added = answers("add_order")
        check("limit order accepted and open", bool(added) and added[0]["success"] and bool(events("new")))
        identity = added[0]["result"]["order_id"]
        await client.send_message(message={"method": "cancel_order", "params": {"order_id": [identity]}})
        check("and cancelled", await until(lambda: any(e["order_id"] == identity for e in events("canceled"))))
        market = {"order_type": "market", "side": "buy", "symbol": "BTC/USD", "order_qty": 0.01}
        await client.send_message(message={"method": "add_order", "params": market})
        check("market order filled", await until(lambda: events("trade") and events("filled")))

        def ledger():
            return [i for m in messages if m.get("channel") == "balances" and m["type"] == "update" for i in m["data"]]

        both = await until(lambda: {"BTC", "USD"} <= {i["asset"] for i in ledger()})
        check("each fill moves both balances", both)
        numbers = [m["sequence"] for m in messages if m.get("channel") == "executions"]
        check("messages are numbered without a gap", numbers == list(range(1, len(numbers) + 1)), str(numbers))
        order["order_qty"] = 1e-9
        await client.send_message(message={"method": "add_order", "params": order})
        refused = await until(lambda: any(not m["success"] for m in answers("add_order")))
        check("order below the minimum refused", refused, str(answers("add_order")[-1].get("error")))
    finally:
        await client.close()


user = User(key=KEY, secret=SECRET, url=REST_URL)
balances = user.get_account_balance()
check("signed REST call", "ZUSD" in balances or "USD" in balances, str(list(balances)[:3]))
trade = Trade(key=KEY, secret=SECRET, url=REST_URL)
identity = trade.create_order(ordertype="limit", side="buy", pair="XBTUSD", volume=0.01, price=20000)["txid"][0]
check("order over REST open", identity in user.get_open_orders()["open"])
trade.amend_order(txid=identity, order_qty="0.02")
check("amended", user.get_orders_info(txid=identity)[identity]["vol"] == "0.02000000")
trade.cancel_order(txid=identity)
check("and cancelled", user.get_orders_info(txid=identity)[identity]["status"] == "canceled")
check("wrong key refused", is_refused("WRONG/KEY", SECRET, KrakenInvalidAPIKeyError))
check("wrong signature refused", is_refused(KEY, WRONG_SECRET, KrakenInvalidSignatureError))
asyncio.run(account())
check.finish()
