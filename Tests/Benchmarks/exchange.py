"""The exchange's side of one WebSocket connection, until the connection is handed to native/load.c.

Python makes the handshake, answers subscriptions (v2 and v1) and keeps the connection alive; the messages that are
measured are then written by the C program on the same socket, because nothing in Python would be fast enough.
"""

import base64
import hashlib
import json
import socket
import struct
import threading
import time

from messages import TIME, asset_pairs, frame, instruments

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
STATUS = (b'{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2",'
          b'"connection_id":1}]}')
HEARTBEAT = b'{"channel":"heartbeat"}'
OLD_STATUS = b'{"connectionID":1,"event":"systemStatus","status":"online","version":"1.9.0"}'


class Closed(Exception):
    pass


class Exchange:
    """Listens on a free port of this machine and serves one feed (messages.Trades or messages.Books)."""

    def __init__(self, feed):
        self.feed = feed
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.port = self.listener.getsockname()[1]
        self.failure = None
        self.subscribed = set()
        self.is_handed_over = self.is_released = False
        self.served = threading.Condition()
        self.connection = None
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.port}/v2"

    def hand_over(self, seconds=20):
        """Waits until all symbols are subscribed; the socket is the caller's from then on."""
        with self.served:
            is_ready = self.served.wait_for(
                lambda: self.failure or self.subscribed >= set(self.feed.names), timeout=seconds)
            if self.failure or not is_ready:
                raise RuntimeError(f"the feed was not subscribed: {self.failure or 'nobody asked in time'}")
            self.is_handed_over = True
            self.served.wait_for(lambda: self.is_released, timeout=5)
        return self.connection

    def close(self):
        self.listener.close()
        if self.connection:
            self.connection.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            path, headers = self._request(connection)
            if b"sec-websocket-key" not in headers:
                body = asset_pairs(self.feed.names)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
                                   b"content-length: %d\r\n\r\n%s" % (len(body), body))
                connection.close()
                return
            accept = base64.b64encode(hashlib.sha1(headers[b"sec-websocket-key"] + MAGIC).digest())
            connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
                               b"sec-websocket-accept: %s\r\n\r\n" % accept)
            self._converse(connection, STATUS if path.endswith(b"/v2") else OLD_STATUS)
        except Closed:
            pass
        except (OSError, ValueError, KeyError) as failure:
            with self.served:
                self.failure = failure
                self.served.notify_all()

    @staticmethod
    def _request(connection):
        """Path and headers of an HTTP request without a body."""
        received = b""
        while b"\r\n\r\n" not in received:
            piece = connection.recv(65536)
            if not piece:
                raise Closed
            received += piece
        first, *lines = received.split(b"\r\n\r\n")[0].split(b"\r\n")
        parts = (line.partition(b":") for line in lines)
        return first.split(b" ")[1], {name.strip().lower(): value.strip() for name, _, value in parts}

    def _converse(self, connection, status):
        """Answers requests until the socket is handed over."""
        is_announced = False
        received = b""
        beat = time.monotonic()
        connection.settimeout(0.02)
        while True:
            with self.served:
                if self.is_handed_over:
                    connection.settimeout(None)
                    self.is_released = True
                    self.served.notify_all()
                    return
            try:
                piece = connection.recv(1 << 20)
                if not piece:
                    raise Closed
                received += piece
            except TimeoutError:
                pass
            while (taken := self._frame(received)) is not None:
                opcode, payload, received = taken
                if opcode == 8:
                    raise Closed
                if opcode == 9:
                    connection.sendall(bytes([0x8A, len(payload)]) + payload)
                if opcode == 1:
                    self._answer(connection, json.loads(payload))
            if not is_announced:
                connection.sendall(frame(status))
                is_announced = True
            if time.monotonic() - beat > 1 and status is STATUS:
                connection.sendall(frame(HEARTBEAT))
                beat = time.monotonic()

    @staticmethod
    def _frame(received):
        """Opcode, payload and the rest of the first complete frame from a client, or None."""
        if len(received) < 2:
            return None
        length, start = received[1] & 127, 2
        if length == 126:
            if len(received) < 4:
                return None
            length, start = struct.unpack(">H", received[2:4])[0], 4
        elif length == 127:
            if len(received) < 10:
                return None
            length, start = struct.unpack(">Q", received[2:10])[0], 10
        if len(received) < start + 4 + length:
            return None
        mask = received[start:start + 4]
        body = received[start + 4:start + 4 + length]
        payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(body))
        return received[0] & 15, payload, received[start + 4 + length:]

    def _answer(self, connection, request):
        if "event" in request:
            self._answer_old(connection, request)
            return
        method, parameters = request["method"], request.get("params", {})
        envelope = {"method": method, "success": True, "time_in": TIME % 1, "time_out": TIME % 2}
        if "req_id" in request:
            envelope["req_id"] = request["req_id"]
        if method == "ping":
            connection.sendall(frame(json.dumps(envelope | {"method": "pong"}).encode()))
            return
        channel = parameters["channel"]
        answers = []
        for symbol in parameters.get("symbol", [None]):
            result = {key: value for key, value in parameters.items() if key not in ("symbol", "token")}
            if symbol:
                result["symbol"] = symbol
            answers.append(frame(json.dumps(envelope | {"result": result}, separators=(",", ":")).encode()))
            if method == "subscribe" and channel == "instrument":
                answers.append(frame(instruments(self.feed.names)))
            if method == "subscribe" and channel == self.feed.channel and parameters.get("snapshot", True):
                answers.append(frame(self.feed.snapshot(symbol)))
        connection.sendall(b"".join(answers))
        if method == "subscribe" and channel == self.feed.channel:
            self._subscribed(connection, parameters["symbol"])

    def _answer_old(self, connection, request):
        if request["event"] != "subscribe":
            return
        for pair in request["pair"]:
            connection.sendall(frame(json.dumps({
                "channelID": 119930880, "channelName": request["subscription"]["name"], "event": "subscriptionStatus",
                "pair": pair, "status": "subscribed", "subscription": request["subscription"]}).encode()))
        self._subscribed(connection, [pair.replace("XBT", "BTC") for pair in request["pair"]])

    def _subscribed(self, connection, names):
        with self.served:
            self.connection = connection
            self.subscribed |= set(names)
            self.served.notify_all()
