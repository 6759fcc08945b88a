"""The service under a real systemd, from its installation to its end. Each function is one promise to its users."""

import glob
import json
import os
import pathlib
import signal
import subprocess
import threading

from service import *


def start_returns_when_it_serves():
    systemctl("start", "exchange.service")
    begun = systemctl("start", SERVICE)
    greeting = hello()
    check("start returns at READY: a connection right after it is served", begun.returncode == 0 and greeting, begun.stderr)
    check("the exchange is reached over TLS from inside the sandbox", wait(online), show("StatusText"))


def status_tells_what_is_carried():
    reader = Reader()
    reader.send("subscribe ticker BTC/USD")
    told = wait(lambda: "public online" in show("StatusText") and "1 reader" in show("StatusText"))
    check("STATUS tells upstream, readers and lines a second", told and "lines/s" in show("StatusText"), show("StatusText"))
    check("systemctl status shows it", show("StatusText").split(",")[0] in systemctl("status", SERVICE).stdout)
    reader.close()


def sockets_have_their_permissions():
    uid = os.stat(f"/proc/{main_pid()}").st_uid
    check("the service has a dynamic user", 61184 <= uid <= 65519, uid)
    for name in ("bridge.sock", "feed.sock"):
        path = SOCKETS / name
        check(f"{name} is 0666 and the service's", mode(path) == 0o666 and os.stat(path).st_uid == uid, oct(mode(path)))
    check("private.sock is absent without credentials", not (SOCKETS / "private.sock").exists())
    check("the folder of the sockets is 0755", mode(SOCKETS) == 0o755, oct(mode(SOCKETS)))
    state = pathlib.Path("/var/lib/private/kraken-bridge")
    check("the state folder is 0700 and the service's", mode(state) == 0o700 and os.stat(state).st_uid == uid, oct(mode(state)))


def readers_of_another_user_are_served():
    reader = as_user(READER, "/usr/bin/python3", SHIPPED / "service.py", SOCKETS / "bridge.sock",
                     "subscribe book BTC/USD", "snapshot", "update")
    lines = [json.loads(line) for line in reader.stdout.splitlines()]
    check("another user gets a book: snapshot and updates", len(lines) == 3 and lines[0] and lines[1]
          and lines[1]["channel"] == "book", reader.stdout, reader.stderr)
    check("and may not ask who else reads", len(lines) == 3 and lines[2]["code"] == "not_permitted", lines[-1:])
    other = subprocess.Popen(
        ["setpriv", f"--reuid={READER}", f"--regid={READER}", "--clear-groups", "/usr/bin/python3", SHIPPED / "service.py",
         SOCKETS / "feed.sock", "ping", "never"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    uid = int(run("id", "-u", READER).stdout)
    known = wait(lambda: (uid, other.pid) in [(c["uid"], c["pid"]) for c in Reader().ask("clients")["result"]["clients"]])
    check("SO_PEERCRED tells the readers' uid and pid", known, Reader().ask("clients"))
    other.kill()
    other.wait()


def the_sandbox_holds():
    pid = main_pid()
    status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    check("no capabilities, no new privileges, system calls filtered",
          int(status["CapEff"], 16) == 0 and int(status["CapBnd"], 16) == 0 and status["NoNewPrivs"].strip() == "1"
          and status["Seccomp"].strip() == "2", status)
    mounts = pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
    root = next(line for line in mounts if line.split()[4] == "/")
    check("the file system is read-only to it", root.split()[5].split(",")[0] == "ro", root)
    check("its /tmp is its own", os.stat(f"/proc/{pid}/root/tmp").st_ino != os.stat("/tmp").st_ino)
    check("nobody may look into its memory", as_user(READER, "cat", f"/proc/{pid}/environ").returncode != 0)


def reload_waits_and_refuses():
    reader = Reader()
    reader.send("subscribe ticker BTC/USD")
    reader.first(type="snapshot")
    good = SETTINGS.read_text()
    listeners = "listeners:\n  - {path: /run/kraken-bridge/bridge.sock, mode: '0666'}\n" \
        "  - {path: /run/kraken-bridge/feed.sock, mode: '0666', preset: all}\n" \
        "  - {path: /run/kraken-bridge/second.sock, mode: '0640'}\n"
    SETTINGS.write_text(good + listeners)
    done = systemctl("reload", SERVICE)
    second = SOCKETS / "second.sock"
    check("reload returns when the new listener serves", done.returncode == 0 and hello(second) and mode(second) == 0o640,
          done.stderr)
    SETTINGS.write_text(good + "colour: red\n")
    done = systemctl("reload", SERVICE)
    refusals = journal(f"MESSAGE_ID={message_id('configuration was refused')}")
    check("reload refuses a wrong configuration with an exit status", done.returncode != 0, done)
    check("and the journal says what is wrong with it", refusals and "colour" in refusals[-1]["MESSAGE"], refusals)
    check("and the old configuration goes on", is_active() and hello(second), show("ActiveState"))
    SETTINGS.write_text(good)
    check("the right configuration is taken again", systemctl("reload", SERVICE).returncode == 0 and not second.exists())
    check("readers stay through all of it", reader.first(channel="ticker", type="update"))
    reader.close()


def listeners_let_in_whom_they_list():
    uid, gid = (int(run("id", option, READER).stdout) for option in ("-u", "-g"))
    good = SETTINGS.read_text()
    lists = {"bridge": "", "theirs": f", allow-uids: [{uid}]", "group": f", allow-gids: [{gid}]", "ours": ", allow-uids: [0]"}
    SETTINGS.write_text(good + "listeners:\n" + "".join(
        f"  - {{path: {SOCKETS}/{name}.sock, mode: '0666'{who}}}\n" for name, who in lists.items()))
    done = systemctl("reload", SERVICE)

    def answers(*as_whom):
        lines = {name: run(*as_whom, "sh", "-c", f"nc -N -U {SOCKETS}/{name}.sock </dev/null | head -n 1").stdout for name in lists}
        return [name for name, line in lines.items() if '"hello"' in line], \
            [name for name, line in lines.items() if '"not_permitted"' in line]

    reader = answers("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups")
    check("a listener's lists let in whom they name, and tell the others", done.returncode == 0
          and reader == (["bridge", "theirs", "group"], ["ours"]), done.stderr, reader)
    check("root too goes by them", answers() == (["bridge", "ours"], ["theirs", "group"]), answers())
    SETTINGS.write_text(good)
    systemctl("reload", SERVICE)


def memory_pressure_is_heard():
    pipe = "/run/kraken-bridge-pressure"
    os.mkfifo(pipe)
    os.chmod(pipe, 0o666)
    drop_in("pressure", f"[Service]\nEnvironment=MEMORY_PRESSURE_WATCH={pipe}\n")
    systemctl("restart", SERVICE)
    descriptor = os.open(pipe, os.O_RDWR)
    os.write(descriptor, b"x")
    check("memory pressure: what is free is given back",
          wait(lambda: any("short of memory" in entry["MESSAGE"] for entry in journal())), journal()[-3:])
    os.close(descriptor)
    drop_in("pressure", None)


def the_journal_has_fields():
    def entry(event, **fields):
        matches = [f"{name}={value}" for name, value in fields.items()]
        found = wait(lambda: journal(f"MESSAGE_ID={message_id(event)}", *matches))
        return found[-1] if found else None

    reader = Reader()
    reader.send("subscribe book BTC/USD")
    reader.first(type="snapshot")
    inject = run("kraken-sim", "inject", "--control", "/run/exchange.sock", "wrong-checksum symbol=BTC/USD")
    fault = entry("topic's data were wrong", SYMBOL="BTC/USD", CHANNEL="book", UPSTREAM="public", REASON="checksum")
    check("a checksum failure: SYMBOL, CHANNEL, UPSTREAM, REASON", fault, inject, journal("CHANNEL=book"))
    stale = reader.first(channel="bridge", type="stale")
    check("and its readers hear of it", stale and stale["data"]["reason"] == "checksum", stale)

    restarts = show("NRestarts")
    systemctl("stop", "exchange.service")
    check("upstream lost: UPSTREAM, REASON", (entry("was lost", UPSTREAM="public") or {}).get("REASON"), journal("UPSTREAM=public")[-3:])
    stale = reader.first(channel="bridge", type="stale")
    check("and readers hear of it", stale and stale["data"]["reason"] == "upstream_lost", stale)
    # Longer than the watchdog waits: that Kraken is away is no fault of the loop's.
    threading.Event().wait(float(show("WatchdogUSec").rstrip("s")) + 1)
    check("Kraken being away does not trip the watchdog", show("NRestarts") == restarts and is_active())
    systemctl("start", "exchange.service")
    check("upstream back: UPSTREAM", wait(online) and entry("is back", UPSTREAM="public"))
    reader.close()
    left = entry("reader left", PEER_UID="0", PEER_PID=str(os.getpid()))
    check("reader departed: PEER_UID, PEER_PID, REASON", left and left.get("REASON"), journal("PEER_UID=0")[-3:])
    explained = run("journalctl", "--boot", "--catalog", f"MESSAGE_ID={message_id('was lost')}").stdout
    check("journalctl --catalog explains an event", "Subject: The connection with Kraken was lost (public)" in explained,
          explained)


def it_comes_back(what, kill):
    restarts = int(show("NRestarts"))
    before = main_pid()
    seq = hello()["seq"]
    kill(before)
    back = wait(lambda: int(show("NRestarts")) == restarts + 1 and is_active() and main_pid() != before)
    greeting = wait(hello)
    check(f"{what}: restarted, and seq goes on", back and greeting and greeting["seq"] >= seq, seq, greeting)


def crashes_are_survived():
    it_comes_back("SIGKILL", lambda pid: os.kill(pid, signal.SIGKILL))
    it_comes_back("a wedged loop, which the watchdog finds", lambda pid: os.kill(pid, signal.SIGUSR1))
    run("journalctl", "--sync")
    check("it was the watchdog", "Watchdog timeout" in run("journalctl", "--boot", f"--unit={SERVICE}").stdout)


def wrong_configuration_is_not_tried_again():
    good = SETTINGS.read_text()
    SETTINGS.write_text(good + "colour: red\n")
    done = systemctl("restart", SERVICE)
    # A restart would come after RestartSec=.
    threading.Event().wait(2)
    check("a wrong configuration fails the start with 78, once",
          done.returncode != 0 and show("ExecMainStatus") == "78" and show("ActiveState") == "failed" and show("NRestarts") == "0",
          done, show("ExecMainStatus"), show("ActiveState"), show("NRestarts"))
    refusals = journal(f"MESSAGE_ID={message_id('configuration was refused')}")
    check("the journal says what is wrong with it", refusals and "colour" in refusals[-1]["MESSAGE"], refusals)
    check("ERRNO and STATUS say why", show("StatusErrno") == str(22) and "colour" in show("StatusText"),
          show("StatusErrno"), show("StatusText"))
    SETTINGS.write_text(good)
    systemctl("reset-failed", SERVICE)
    check("and it starts once that is put right", systemctl("start", SERVICE).returncode == 0 and hello())


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
    sealed = pathlib.Path("/etc/kraken-bridge/api-key.sealed")
    made = run("systemd-creds", "encrypt", "--with-key=host", "--name=api-key", "/etc/kraken-bridge/api-key", sealed)
    if made.returncode != 0:
        skipped("LoadCredentialEncrypted", made.stderr.strip())
    else:
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


# The watchdog of the shipped unit would have us wait longer than all the rest takes.
drop_in("test", "[Unit]\nStartLimitIntervalSec=0\n[Service]\nWatchdogSec=5s\nRestartSec=100ms\n"
        "Environment=KRAKEN_BRIDGE_TEST_WEDGE=1\n")
for promise in (
    start_returns_when_it_serves,
    status_tells_what_is_carried,
    sockets_have_their_permissions,
    readers_of_another_user_are_served,
    the_sandbox_holds,
    reload_waits_and_refuses,
    listeners_let_in_whom_they_list,
    memory_pressure_is_heard,
    the_journal_has_fields,
    crashes_are_survived,
    wrong_configuration_is_not_tried_again,
    credentials_are_its_own,
    a_listener_may_have_a_group,
    sockets_can_outlive_the_service,
    a_long_stop_asks_for_time,
    stop_is_clean,
):
    try:
        promise()
    except Exception as error:
        check(promise.__name__.replace("_", " "), False, repr(error))
finish()
