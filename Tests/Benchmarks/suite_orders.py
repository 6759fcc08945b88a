"""The order gateway: how long from an order to its answer, through the bridge, without it, and with python-kraken-sdk.

All place the same resting orders at the same simulated exchange. What a C program on the WebSocket itself measures is
the exchange's own time; the others' times beyond that are what they add.
"""

import base64
import hashlib
import hmac
import json
import os
import socket
import struct
import time
import urllib.request

from messages import pack
from processes import cpu_seconds
from systems import peer, start_bridge

# What kraken-sim --help prints; it opens nothing but the simulation.
KEY = "SIMULATED/EXCHANGE/DEMONSTRATION/KEY/OPENS/NOTHING/ELSE0"
SECRET = "c2ltdWxhdGVkIGV4Y2hhbmdlIGRlbW9uc3RyYXRpb24gc2VjcmV0LCBpdCBwcm90ZWN0cyBub3RoaW5nISEhIQ=="
ORDERS, WARM_UP = 300, 100


def orders(bench):
    """From an order to its answer, and CPU of the process that sends it."""
    bench.begin("orders", "request to answer")
    direct = with_exchange(bench.workshop, measure_direct)
    bridge = with_exchange(bench.workshop, measure_bridge)
    sdk = with_exchange(bench.workshop, measure_sdk)
    for name, result in (("bridge", bridge), ("C client", direct), ("sdk", sdk)):
        bench.results.record("orders", "request to answer", name, {
            f"{key}_us": result["latency_us"][key] for key in ("p50", "p99")})
    for name, result in (("bridge", bridge), ("sdk", sdk)):
        bench.results.record("orders", "beyond the exchange's own time", name, {
            "p50_us": result["latency_us"]["p50"] - direct["latency_us"]["p50"]})
        bench.results.record("orders", "an order", name, {"cpu_us": result["cpu_s"] / (ORDERS - WARM_UP) * 1e6})


def with_exchange(workshop, measure):
    """A new exchange for each, so that nobody's orders are in another's way."""
    out = workshop.path("exchange.out")
    with open(out, "wb") as file:
        exchange = workshop.start("kraken-sim", [
            os.path.join(workshop.bin, "kraken-sim"), "--port", 0, "--rate", 1, "--set", "tier=unlimited"], output=file)
    try:
        workshop.wait_for(lambda: os.path.getsize(out) > 0, exchange, "waited for kraken-sim")
        with open(out, encoding="ascii") as file:
            address = file.readline().strip().removeprefix("ws://").removesuffix("/v2")
        return measure(workshop, address)
    finally:
        workshop.stop(exchange)


def order(number, token=None):
    parameters = {"order_type": "limit", "side": "buy", "symbol": "BTC/USD", "limit_price": 20000, "order_qty": 0.001}
    if token:
        parameters["token"] = token
    return json.dumps({"method": "add_order", "params": parameters, "req_id": number + 1}, separators=(",", ":")).encode()


def round_trips(workshop, stream, requests, pass_fds=()):
    path = workshop.path("orders")
    pack(path, requests)
    return workshop.output([
        workshop.program("roundtrip"), "--stream", stream, "--requests", path, "--answer", '"method":"add_order"',
        "--refusal", '"success":false', "--warm-up", WARM_UP], pass_fds=pass_fds)


def measure_direct(workshop, address):
    token = signed_call(address, "GetWebSocketsToken")["token"]
    with web_socket(address, "/auth/v2") as connection:
        subscription = {"channel": "executions", "snap_orders": False, "snap_trades": False, "token": token}
        connection.sendall(client_frame(json.dumps({"method": "subscribe", "params": subscription}).encode()))
        return round_trips(
            workshop, f"fd:{connection.fileno()}", [client_frame(order(number, token)) for number in range(ORDERS)],
            pass_fds=[connection.fileno()])


def measure_bridge(workshop, address):
    keys = workshop.path("key")
    os.makedirs(keys, mode=0o700, exist_ok=True)
    for name, secret in (("api-key", KEY), ("api-secret", SECRET)):
        # The bridge refuses keys that others can read.
        descriptor = os.open(os.path.join(keys, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(secret)
    path = workshop.path("bridge.sock")
    configuration = workshop.write("orders.yaml", json.dumps({
        "upstream": {
            "public-url": f"ws://{address}/v2", "private-url": f"ws://{address}/auth/v2",
            "level3-url": f"ws://{address}/l3/v2", "rest-url": f"http://{address}"},
        "credentials": {"dir": keys}, "trading": {"enabled": True, "orders-per-minute": 100000},
        "listeners": [{"path": path, "mode": "0600", "scope": ["market", "account", "trade"]}],
        "log": {"level": "warning"}}))
    bridge = start_bridge(workshop, configuration)
    try:
        workshop.wait_for(lambda: is_trading(path), bridge, "waited for the private connection")
        before = cpu_seconds(bridge.pid)
        result = round_trips(workshop, f"unix:{path}", [order(number) + b"\n" for number in range(ORDERS)])
        # The orders that warm it up cost what the others cost.
        return result | {"cpu_s": (cpu_seconds(bridge.pid) - before) * (ORDERS - WARM_UP) / ORDERS}
    finally:
        workshop.stop(bridge)


def is_trading(path):
    """Whether an order that is only checked gets through to the exchange, and one for real would too."""
    trial = json.loads(order(0))
    trial["params"]["validate"] = True
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(path)
        connection.sendall(json.dumps(trial).encode() + b"\n")
        for line in connection.makefile("rb"):
            if b'"method":"add_order"' in line:
                return b'"success":true' in line
    return False


def measure_sdk(workshop, address):
    return workshop.output([
        workshop.python, peer("sdk_orders.py"), f"ws://{address}", f"http://{address}", KEY, SECRET, ORDERS, WARM_UP])


def signed_call(address, method):
    path, nonce = f"/0/private/{method}", str(time.time_ns())
    body = f"nonce={nonce}".encode()
    message = path.encode() + hashlib.sha256(nonce.encode() + body).digest()
    signature = base64.b64encode(hmac.new(base64.b64decode(SECRET), message, hashlib.sha512).digest()).decode()
    request = urllib.request.Request(f"http://{address}{path}", body, {"API-Key": KEY, "API-Sign": signature})
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)["result"]


def web_socket(address, path):
    host, port = address.split(":")
    connection = socket.create_connection((host, int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(os.urandom(16)).decode()
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nhost: {address}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        f"sec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n\r\n".encode())
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(1)
    if b" 101 " not in received.split(b"\r\n")[0]:
        raise OSError(f"no WebSocket at {path}: {received!r}")
    return connection


def client_frame(text):
    """A client's text frame. Its mask is zero, which changes nothing in the text."""
    length = bytes([0x80 | len(text)]) if len(text) < 126 else struct.pack(">BH", 0x80 | 126, len(text))
    return b"\x81" + length + bytes(4) + text


BENCHMARKS = {"orders": orders}
