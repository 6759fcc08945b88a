"""The systems between one publisher and many readers: the bridge, and what people would use in its place.

Each starts its process with a private configuration in the workshop's folder and says how native/load.c publishes into
it, how readers subscribe, and how lines are told apart in what they receive.
"""

import json
import os
import shutil
import socket

from exchange import Exchange
from messages import frame, pack
from processes import Failed, Load, cpu_seconds, is_listening, resident_bytes


class System:
    """One running system with its readers. `pid` is the process that is measured; None for bare sockets."""

    def __init__(self, workshop, make_feed, readers, count):
        self.workshop = workshop
        self.feed = make_feed()
        self.readers = readers
        self.process = None
        self.pid = None
        self.exchange = None
        self.load = None
        # The messages are the same in every run and kept. A feed of their own makes them, before anything is started:
        # the exchange's is still at its first snapshot, and nobody has to wait.
        kind = f"messages-{self.name}-{self.feed.channel}-{len(self.feed.names)}-{count}".replace(" ", "-")
        self.messages = workshop.path(kind)
        if not os.path.exists(self.messages):
            pack(self.messages, self.prepare(make_feed(), count))

    def prepare(self, feed, count):
        """The messages as native/load.c is to write them."""
        return feed.lines(count)

    def __enter__(self):
        try:
            self.open()
            if self.process:
                self.pid = self.process.pid
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.workshop.stop(*(child for child in (self.load and self.load.child, self.process) if child))
        if self.exchange:
            self.exchange.close()

    def open(self):
        raise NotImplementedError

    def start_load(self, *arguments, pass_fds=()):
        self.load = Load(self.workshop, ["--messages", self.messages, "--readers", self.readers, *arguments], pass_fds)

    def run(self, count, **how):
        """Publishes `count` messages and measures."""
        before = cpu_seconds(self.pid) if self.pid else 0
        result = self.load.run(count, **how)
        if self.pid:
            result["cpu_s"] = cpu_seconds(self.pid) - before
            result["rss_bytes"] = resident_bytes(self.pid)
        if result["missing"]:
            expected = result["missing"] + result["lines"]
            self.workshop.notes.append(f"{self.name}: {result['missing']:,} of {expected:,} lines never came")
        return result


def bridge_configuration(workshop, url, subscription):
    """One pinned subscription and one listener; every limit is the default. JSON is YAML too."""
    return workshop.write("bridge.yaml", json.dumps({
        "upstream": {"public-url": url}, "subscriptions": [subscription],
        "listeners": [{"path": workshop.path("bridge.sock"), "mode": "0600"}], "log": {"level": "warning"}}))


def start_bridge(workshop, configuration):
    """A bridge that remembers nothing."""
    shutil.rmtree(workshop.path("state"), ignore_errors=True)
    process = workshop.start("kraken-bridged", [
        os.path.join(workshop.bin, "kraken-bridged"), "--config", configuration, "--state-dir", workshop.path("state")])
    workshop.wait_for(lambda: is_listening(workshop.path("bridge.sock")), process, "waited for kraken-bridged")
    return process


def ask(path, method):
    """The result of a request to the bridge."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(path)
        connection.sendall(json.dumps({"method": method}).encode() + b"\n")
        for line in connection.makefile("rb"):
            answer = json.loads(line)
            if answer.get("method") == method:
                return answer["result"]
    raise Failed(f"the bridge did not answer '{method}'")


class Bridge(System):
    """kraken-bridged on a simulated exchange; everything is parsed, and books are verified."""

    name = "bridge"

    def prepare(self, feed, count):
        return [frame(text) for text in feed.messages(count)]

    def open(self):
        self.exchange = Exchange(self.feed)
        parameters = {"channel": self.feed.channel, "symbols": self.feed.names}
        request = {"channel": self.feed.channel, "symbol": self.feed.names}
        if self.feed.channel == "book":
            parameters["depth"] = request["depth"] = self.feed.depth
        configuration = bridge_configuration(self.workshop, self.exchange.url, parameters)
        self.process = start_bridge(self.workshop, configuration)
        upstream = self.exchange.hand_over()
        self.rss_alone, self.cpu_alone = resident_bytes(self.process.pid), cpu_seconds(self.process.pid)
        lines = json.dumps({"method": "subscribe", "params": request}, separators=(",", ":")) + "\n"
        self.start_load(
            "--publish", f"fd:{upstream.fileno()}", "--heartbeat", "--connect", f"unix:{self.workshop.path('bridge.sock')}",
            "--request", self.workshop.write("request", lines),
            # Hello, then an answer and a snapshot for each symbol.
            "--settled-marks", 1 + 2 * len(self.feed.names),
            pass_fds=[upstream.fileno()])

    def run(self, count, **how):
        result = super().run(count, **how)
        topics = ask(self.workshop.path("bridge.sock"), "status")["topics"]
        # A book whose checksums did not hold would be stale, and the figure would be of something else.
        if topics["live"] < len(self.feed.names) or any(topics[state] for state in ("stale", "pending", "quarantined")):
            raise Failed(f"not all topics of the bridge are live: {topics}")
        return result


class Redis(System):
    name = "redis"

    def prepare(self, feed, count):
        return [b"*3\r\n$7\r\nPUBLISH\r\n$2\r\nch\r\n$%d\r\n%s\r\n" % (len(line), line) for line in feed.lines(count)]

    def open(self):
        path = self.workshop.path("redis.sock")
        self.process = self.workshop.start("redis-server", [
            "redis-server", "--port", 0, "--unixsocket", path, "--save", "", "--appendonly", "no", "--maxclients", 15000,
            "--client-output-buffer-limit", "pubsub 0 0 0", "--loglevel", "warning", "--dir", self.workshop.folder])
        self.workshop.wait_for(lambda: is_listening(path), self.process, "waited for redis-server")
        self.start_load(
            # Without answers to the publisher: the cheapest way there is.
            "--publish", f"unix:{path}", "--greeting", self.workshop.write("greeting", "CLIENT REPLY OFF\r\n"),
            "--connect", f"unix:{path}", "--request", self.workshop.write("request", "SUBSCRIBE ch\r\n"),
            "--settled-marks", 6, "--marks-per-line", 8)


class Nats(System):
    name = "nats"

    def prepare(self, feed, count):
        return [b"PUB s %d\r\n%s\r\n" % (len(line), line) for line in feed.lines(count)]

    def open(self):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        configuration = self.workshop.write("nats.conf", (
            f"listen: 127.0.0.1:{port}\nmax_pending: 1GB\nmax_connections: 15000\nping_interval: \"10m\"\n"
            f"write_deadline: \"60s\"\nlogfile: \"{self.workshop.path('nats.log')}\"\n"))
        self.process = self.workshop.start("nats-server", ["nats-server", "-c", configuration])

        def is_up():
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return True
            except OSError:
                return False

        self.workshop.wait_for(is_up, self.process, "waited for nats-server")
        connect = 'CONNECT {"verbose":false,"pedantic":false}\r\n'
        self.start_load(
            "--publish", f"tcp:{port}", "--greeting", self.workshop.write("greeting", connect),
            "--connect", f"tcp:{port}", "--request", self.workshop.write("request", connect + "SUB s 1\r\nPING\r\n"),
            "--settled-marks", 2, "--marks-per-line", 3)


class Mosquitto(System):
    name = "mosquitto"

    @staticmethod
    def _packet(kind, body):
        length = len(body)
        size = bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])
        return bytes([kind]) + size + body

    @classmethod
    def _connect(cls, identity):
        return cls._packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x00" + len(identity).to_bytes(2, "big") + identity)

    def prepare(self, feed, count):
        return [self._packet(0x30, b"\x00\x05topic" + line) for line in feed.lines(count)]

    def open(self):
        path = self.workshop.path("mosquitto.sock")
        user = f"user {os.environ.get('USER', 'root')}\n" if os.geteuid() == 0 else ""
        configuration = self.workshop.write("mosquitto.conf", (
            f"listener 0 {path}\nallow_anonymous true\npersistence false\nlog_dest none\nmax_queued_messages 0\n"
            f"max_inflight_messages 0\n{user}"))
        self.process = self.workshop.start("mosquitto", ["mosquitto", "-c", configuration])
        self.workshop.wait_for(lambda: is_listening(path), self.process, "waited for mosquitto")
        subscribe = self._packet(0x82, b"\x00\x01\x00\x05topic\x00")
        requests = [self._connect(b"r%05d" % number) + subscribe for number in range(self.readers)]
        self.start_load(
            "--publish", f"unix:{path}", "--greeting", self.workshop.write("greeting", self._connect(b"publisher")),
            "--connect", f"unix:{path}", "--request", self.workshop.write("request", b"".join(requests)),
            "--request-step", len(requests[0]), "--settled-bytes", 9)


class SDKRelay(System):
    """What a user writes: python-kraken-sdk's client and asyncio's Unix server."""

    name = "sdk relay"

    def prepare(self, feed, count):
        return [frame(text) for text in feed.messages(count)]

    def open(self):
        self.exchange = Exchange(self.feed)
        path = self.workshop.path("relay.sock")
        self.process = self.workshop.start("sdk-relay", [
            self.workshop.python, peer("sdk_relay.py"), f"ws://127.0.0.1:{self.exchange.port}", path, *self.feed.names])
        upstream = self.exchange.hand_over()
        self.workshop.wait_for(lambda: is_listening(path), self.process, "waited for the relay")
        self.start_load(
            "--publish", f"fd:{upstream.fileno()}", "--connect", f"unix:{path}", "--settled-marks", 1,
            pass_fds=[upstream.fileno()])


class Cryptofeed(System):
    """cryptofeed with its Unix-socket backend, one for each reader. It speaks WebSocket v1, and connects to its reader."""

    name = "cryptofeed"

    def prepare(self, feed, count):
        return [frame(text) for text in feed.old_messages(count)]

    def open(self):
        self.exchange = Exchange(self.feed)
        path = self.workshop.path("cryptofeed.sock")
        if os.path.exists(path):
            os.unlink(path)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(self.readers + 16)
            self.process = self.workshop.start("cryptofeed", [
                self.workshop.python, peer("cryptofeed_relay.py"), f"http://127.0.0.1:{self.exchange.port}", path,
                self.readers, *(name.replace("/", "-") for name in self.feed.names)])
            upstream = self.exchange.hand_over()
            self.start_load(
                    # Its objects stand one behind the other without a newline; each ends two braces.
                "--publish", f"fd:{upstream.fileno()}", "--connect", f"accept:{listener.fileno()}",
                 "--mark", ord("}"), "--marks-per-line", 2,
                pass_fds=[upstream.fileno(), listener.fileno()])


class Relay(System):
    """A C process that reads from TCP and writes to every reader, and does nothing else."""

    name = "C relay"
    how = "relay"

    def open(self):
        self.start_load("--connect", "pair", "--publish", self.how)
        self.pid = self.load.settled["relay_pid"] or None


class Pair(Relay):
    """A socket pair with nothing in between: what measuring itself takes."""

    name = "socket pair"
    how = "pair"


def peer(name):
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers", name)
