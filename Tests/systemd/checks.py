"""The service under a real systemd, from its first start to its crashes. Each function is one promise to its users."""

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


# The watchdog of the shipped unit would have us wait longer than all the rest takes.
drop_in("test", "[Unit]\nStartLimitIntervalSec=0\n[Service]\nWatchdogSec=5s\nRestartSec=100ms\n"
        "Environment=KRAKEN_BRIDGE_TEST_WEDGE=1\n")
finish(
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
)
