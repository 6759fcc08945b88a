"""The service in its other forms: with an API key, a group, a socket unit, without a descriptor store; and stopped.

Goes on where checks.py ends.
"""

import glob
import os
import pathlib
import threading

from service import *


def credentials_are_its_own():
    drop_in("credentials", (SHIPPED / "credentials.conf").read_text())
    drop_in("trading", "[Service]\nEnvironment=KRAKEN_BRIDGE_TRADING_ENABLED=true KRAKEN_BRIDGE_LOG_LEVEL=trace\n")
    done = systemctl("restart", SERVICE)
    pid = main_pid()
    uid = os.stat(f"/proc/{pid}").st_uid
    files = glob.glob(f"/proc/{pid}/root/run/credentials/{SERVICE}/api-*")
    check("LoadCredential: key and secret arrive, 0400 and the service's own",
          done.returncode == 0 and len(files) == 2 and all(mode(f) == 0o400 and os.stat(f).st_uid == uid for f in files),
          done.stderr, files)
    read = as_user(READER, "cat", f"/run/credentials/{SERVICE}/api-key")
    check("nobody else can read them", read.returncode != 0 and "key-of" not in read.stdout, read)
    private = SOCKETS / "private.sock"
    check("private.sock appears, 0600 and the service's", wait(private.exists) and mode(private) == 0o600
          and os.stat(private).st_uid == uid)
    check("and keeps others out", "Permission denied" in as_user(READER, "/usr/bin/python3", SHIPPED / "service.py", private,
                                                                 "ping").stderr)
    trader = Reader(private)
    trader.send("subscribe balances")
    check("the account is read: a token over REST, private connection, all over TLS",
          trader.first(channel="balances", type="snapshot"), show("StatusText"))
    trader.send(json.dumps({"method": "add_order", "req_id": 1, "params": {
        "order_type": "market", "side": "buy", "order_qty": 0.01, "symbol": "BTC/USD"}}))
    stages = []
    while stages[-1:] != ["filled"] and (line := trader.first(channel="orders")):
        stages.append(line["data"]["stage"])
    check("an order is placed and followed to its end", stages[:1] == ["submitted"] and stages[-1:] == ["filled"], stages)
    trader.close()
    said = [entry["MESSAGE"] for entry in journal()] + [run("systemctl", "status", SERVICE).stdout]
    check("neither key nor secret is in the journal or the status, at trace level too",
          not any(word in text for text in said for word in ("key-of-the-test", "c2VjcmV0", "secret-of-the-test")))
    drop_in("trading", None)
    reader, key = Reader(), pathlib.Path("/etc/kraken-bridge/api-key")
    key.write_text("another-key")
    systemctl("restart", SERVICE)
    copy = pathlib.Path(f"/proc/{main_pid()}/root/run/credentials/{SERVICE}/api-key")
    check("a changed key takes a restart, which costs no reader its connection", copy.read_text() == "another-key"
          and reader.ask("ping"))
    key.write_text("key-of-the-test")
    reader.close()
    sealed = pathlib.Path("/etc/kraken-bridge/api-key.sealed")
    made = run("systemd-creds", "encrypt", "--with-key=host", "--name=api-key", "/etc/kraken-bridge/api-key", sealed)
    check("a key is sealed to the machine", made.returncode == 0, made.stderr)
    if made.returncode == 0:
        drop_in("sealed", f"[Service]\nLoadCredential=\nLoadCredential=api-secret:/etc/kraken-bridge/api-secret\n"
                f"LoadCredentialEncrypted=api-key:{sealed}\n")
        done = systemctl("restart", SERVICE)
        path = pathlib.Path(f"/proc/{main_pid()}/root/run/credentials/{SERVICE}/api-key")
        check("LoadCredentialEncrypted: the key arrives in clear", done.returncode == 0 and path.exists()
              and path.read_text() == "key-of-the-test", done.stderr)
        drop_in("sealed", None)
    drop_in("credentials", None)


def a_listener_may_have_a_group():
    good = SETTINGS.read_text()
    run("groupadd", "--system", "bridge-friends")
    drop_in("group", (SHIPPED / "listener-group.conf").read_text().replace("=kraken\n", "=bridge-friends\n"))
    SETTINGS.write_text(good + "listeners:\n  - {path: /run/kraken-bridge/bridge.sock, mode: '0660', group: bridge-friends}\n")
    done = systemctl("restart", SERVICE)
    path = SOCKETS / "bridge.sock"
    group = run("stat", "--format=%G", path).stdout.strip()
    check("a listener's group is set inside the sandbox", done.returncode == 0 and group == "bridge-friends"
          and mode(path) == 0o660, done.stderr, group, show("StatusText"))
    check("and keeps others out", as_user(READER, "/usr/bin/python3", SHIPPED / "service.py", path, "ping").returncode != 0)
    SETTINGS.write_text(good)
    drop_in("group", None)
    systemctl("reset-failed", SERVICE)
    systemctl("restart", SERVICE)


def sockets_can_outlive_the_service():
    systemctl("stop", SERVICE)
    for name in ("kraken-bridge.socket",):
        pathlib.Path("/etc/systemd/system", name).write_text((SHIPPED / name).read_text())
    drop_in("socket-activation", (SHIPPED / "socket-activation.conf").read_text())
    done = systemctl("start", "kraken-bridge.socket")
    check("the socket unit makes the sockets, 0666", done.returncode == 0 and not is_active()
          and all(mode(SOCKETS / name) == 0o666 for name in ("bridge.sock", "feed.sock")), done.stderr)
    check("the first connection starts the service", (hello() or {}).get("type") == "hello" and wait(is_active))
    refused, served, stop = [], [], threading.Event()

    def connect_again_and_again():
        while not stop.is_set():
            try:
                served.append((hello_of_one() or {}).get("type"))
            except OSError as error:
                refused.append(error)

    def hello_of_one():
        reader = Reader()
        line = reader.next()
        reader.close()
        return line

    threads = [threading.Thread(target=connect_again_and_again) for _ in range(4)]
    for thread in threads:
        thread.start()
    restarted = [systemctl("restart", SERVICE).returncode for _ in range(2)]
    stop.set()
    for thread in threads:
        thread.join()
    check("connects during restarts wait instead of being refused", restarted == [0, 0] and not refused and served,
          restarted, refused[:3], len(served))
    check("all of them were told something", all(kind in ("hello", "goodbye") for kind in served), len(served), set(served))

    # With an API key there is one listener more, which no socket unit holds yet.
    drop_in("credentials", (SHIPPED / "credentials.conf").read_text())
    done = systemctl("restart", SERVICE)
    missing = f"ListenStream={SOCKETS}/private.sock"
    check("a listener that the socket unit lacks and the service may not make is named", done.returncode != 0
          and show("ExecMainStatus") == "71" and missing in show("StatusText"), show("ExecMainStatus"), show("StatusText"))
    unit = pathlib.Path("/etc/systemd/system/kraken-bridge-private.socket")
    unit.write_text((SHIPPED / unit.name).read_text())
    systemctl("daemon-reload")
    systemctl("reset-failed", SERVICE)
    done = systemctl("start", "kraken-bridge-private.socket", SERVICE)
    greeting = hello(SOCKETS / "private.sock")
    check("with one more socket unit private.sock is root's", done.returncode == 0 and mode(SOCKETS / "private.sock") == 0o600
          and greeting and greeting["data"]["scope"] == ["market", "account"], done.stderr, greeting)
    systemctl("stop", SERVICE, "kraken-bridge.socket", "kraken-bridge-private.socket")
    unit.unlink()
    pathlib.Path("/etc/systemd/system/kraken-bridge.socket").unlink()
    drop_in("credentials", None)
    drop_in("socket-activation", None)
    systemctl("reset-failed", SERVICE)
    systemctl("start", SERVICE)


def a_long_stop_asks_for_time():
    # Without a descriptor store readers are sent away, and one that does not read delays that.
    drop_in("store", "[Service]\nFileDescriptorStoreMax=0\nEnvironment=FDSTORE=0\n")
    systemctl("restart", SERVICE)
    reader = Reader()
    reader.first(type="hello")
    slow = Reader()
    # Answers that nobody takes: the goodbye cannot be delivered, and the service waits for a while.
    slow.send("help\n" * 2000)
    wait(lambda: Reader().ask("ping"))
    systemctl("log-level", "debug")
    done = systemctl("stop", SERVICE)
    run("journalctl", "--sync")
    systemctl("log-level", "info")
    check("a long stop asks for more time, and succeeds", done.returncode == 0 and show("Result") == "success"
          and "EXTEND_TIMEOUT_USEC" in run("journalctl", "--boot", "_PID=1").stdout, done.stderr, show("Result"))
    goodbye = reader.first(channel="bridge", type="goodbye")
    check("without a descriptor store readers are told goodbye", goodbye and goodbye["data"]["reason"] == "shutdown", goodbye)
    reader.close()
    slow.close()
    drop_in("store", None)
    systemctl("start", SERVICE)


def stop_is_clean():
    reader = Reader()
    reader.first(type="hello")
    done = systemctl("stop", SERVICE)
    check("stop succeeds", done.returncode == 0 and show("Result") == "success" and show("ActiveState") == "inactive",
          done.stderr, show("Result"))
    line = reader.next()
    while line is not None:
        line = reader.next()
    check("readers see the end of their connection", line is None)
    complaints = [entry["MESSAGE"] for entry in journal("_COMM=kraken-bridged") if "priority" in entry["MESSAGE"]]
    check("no library of the service's complains about the sandbox", not complaints, complaints[:3])
    check("nothing is left of the sockets", not SOCKETS.exists() or not list(SOCKETS.iterdir()))


finish(
    credentials_are_its_own,
    a_listener_may_have_a_group,
    sockets_can_outlive_the_service,
    a_long_stop_asks_for_time,
    stop_is_clean,
)
