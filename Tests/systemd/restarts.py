"""A hundred readers at a thousand lines a second, through every way in which the service can come to an end.

Who lost what is judged by follower.py, from the readers' lines alone.
"""

import os
import pathlib
import signal
import socket
import subprocess
import time

from follower import Crowd
from service import *

READERS = 100
MANY = 800
LINES_PER_SECOND = 1000
# Changes a second in each market.
RATE = 90
PROGRAM = "/usr/local/bin/kraken-bridged"
FIVE_RESTARTS = "for i in 1 2 3 4 5; do systemctl restart kraken-bridge; sleep 1; done"


def stored():
    return int(show("NFileDescriptorStore"))


def begin():
    """Much to read: everything of six markets."""
    exchange = pathlib.Path("/etc/systemd/system/exchange.service")
    exchange.write_text(exchange.read_text().replace("--rate 20", f"--rate {RATE}"))
    settings = SETTINGS.read_text().split("subscriptions:")[0]
    pairs = "[BTC/USD, ETH/USD, SOL/USD, XRP/USD, ADA/USD, DOGE/USD]"
    SETTINGS.write_text(
        settings + "subscriptions:\n"
        + "".join(f"  - {{channel: {channel}, symbols: {pairs}}}\n" for channel in ("book", "ticker", "trade", "spread")))
    # The watchdog of the shipped unit would have us wait longer than all the rest takes.
    drop_in("test", "[Service]\nWatchdogSec=2s\nRestartSec=100ms\nEnvironment=KRAKEN_BRIDGE_TEST_WEDGE=1\n")
    systemctl("restart", "exchange.service", SERVICE)
    wait(online)


def everybody_reads(crowd):
    check("everybody gets snapshots", crowd.read(lambda: crowd.is_whole), crowd.wrongs[:5])
    before, began = crowd.sum("lines"), time.monotonic()
    crowd.read(seconds=3)
    rate = (crowd.sum("lines") - before) / (time.monotonic() - began) / READERS
    check(f"{READERS} readers get {rate:.0f} lines a second each", rate >= LINES_PER_SECOND)
    check("the manager keeps all of them", crowd.read(lambda: stored() > READERS), stored())


def they_stay(crowd, what, command, gaps):
    """A command does something to the service; everybody stays, is told what is uncertain, and has all of it again."""
    before = {name: crowd.sum(name) for name in ("gaps", "stales", "breaks", "lines")}
    seen = [member.snapshots for member in crowd.members]
    began = time.monotonic()
    running = subprocess.Popen(["bash", "-c", command])
    crowd.read(lambda: running.poll() is not None, seconds=40)
    back = crowd.read(lambda: crowd.is_whole and all(m.snapshots > had for m, had in zip(crowd.members, seen)))
    took = time.monotonic() - began
    now = {name: crowd.sum(name) - count for name, count in before.items()}
    ended = crowd.sum("has_ended")
    check(f"{what}: {took:.1f} s, {now['lines']} lines, {ended} disconnected, {now['gaps']} gaps told, "
          f"{len(crowd.wrongs)} unmarked", back and ended == 0 and now["gaps"] == gaps and not crowd.wrongs,
          now, crowd.wrongs[:5], show("ActiveState"))
    return now


def through_restarts(crowd):
    now = they_stay(crowd, "five restarts", FIVE_RESTARTS, 0)
    check("they were told that data were old meanwhile", now["stales"] >= 5 * READERS and now["breaks"] == 0, now)


def through_crashes(crowd):
    # A reader that was being written to may get a line break; there is one thread, so that is one at most.
    now = they_stay(crowd, "SIGKILL", f"kill -KILL {main_pid()}", READERS)
    check("after SIGKILL at most one reader gets a line break", now["breaks"] <= 1, now)
    restarts = int(show("NRestarts"))
    now = they_stay(crowd, "a wedged loop, which the watchdog finds", f"kill -USR1 {main_pid()}", READERS)
    check("it was the watchdog", int(show("NRestarts")) == restarts + 1 and now["breaks"] == 0, now)


def through_an_upgrade(crowd):
    """To a build that knows nothing of the state which this one left."""
    install = f"mv {PROGRAM} {PROGRAM}.before; sed 's/kraken-bridge state /kraken-bridge other /' {PROGRAM}.before > {PROGRAM}"
    now = they_stay(crowd, "a build with another state", f"{install}; chmod 755 {PROGRAM}; systemctl restart {SERVICE}", READERS)
    check("nobody's line was cut", now["breaks"] == 0, now)
    they_stay(crowd, "and back", f"mv {PROGRAM}.before {PROGRAM}; systemctl restart {SERVICE}", READERS)


def the_rest_of_a_line_comes(what, end):
    """A reader that does not read is in the middle of a line when the service ends."""
    reader = Reader()
    reader.send("help\n" * 300)
    queue = b""

    def is_blocked():
        nonlocal queue
        before, queue = queue, reader.socket.recv(1 << 22, socket.MSG_PEEK)
        return len(queue) == len(before) > 100_000

    wait(is_blocked)
    check(f"{what}: a reader is in the middle of a line", queue and not queue.endswith(b"\n"), queue[-80:])
    end()
    wait(lambda: is_active() and hello())
    lines = []
    while (line := reader.lines.readline()) and '"method":"pong"' not in line:
        if not lines:
            reader.send("ping")
        lines.append(line)
    cut = queue.count(b"\n")
    check(f"{what}: it gets the rest of its line", len(lines) > cut and json_or_none(lines[cut]) is not None,
          len(lines), cut, lines[cut:cut + 2])
    check(f"{what}: every line is whole", all(json_or_none(each) is not None for each in lines),
          [each[:200] for each in lines if json_or_none(each) is None])
    reader.close()


def very_many_are_kept():
    """More than the manager takes at once: it looks through all that it keeps for each."""
    systemctl("start", SERVICE)
    began = time.monotonic()
    readers = [Reader() for _ in range(MANY)]
    before = time.monotonic()
    answered = readers[0].ask("ping")
    check(f"while {MANY} readers come, one of them is answered after {time.monotonic() - before:.2f} s", answered)
    kept = wait(lambda: stored() > MANY, 60)
    check(f"{MANY} readers are kept after {time.monotonic() - began:.1f} s", kept, stored())
    for what, end in (("restart", lambda: systemctl("restart", SERVICE)), ("SIGKILL", lambda: os.kill(main_pid(), signal.SIGKILL))):
        began, process = time.monotonic(), main_pid()
        end()
        wait(lambda: is_active() and main_pid() != process)
        answers = sum(reader.ask("ping") is not None for reader in readers)
        check(f"{what}: {answers} of {MANY} readers are answered {time.monotonic() - began:.1f} s later", answers == MANY)
    for reader in readers:
        reader.close()
    systemctl("stop", SERVICE)


def a_start_that_fails_for_good_is_seen():
    """Nobody is left waiting for a process that does not come: the manager lets go of what it keeps."""
    systemctl("start", SERVICE)
    reader = Reader()
    reader.send("subscribe ticker BTC/USD")
    reader.first(type="snapshot")
    good = SETTINGS.read_text()
    SETTINGS.write_text(good + "colour: red\n")
    refused = systemctl("reload", SERVICE)
    check("a reload with a wrong configuration costs no reader anything", refused.returncode != 0
          and reader.first(channel="ticker", type="update"))
    failed = systemctl("restart", SERVICE)
    while (line := reader.next()) is not None:
        pass
    check("a restart with it ends connections", failed.returncode != 0 and line is None and stored() == 0, stored())
    SETTINGS.write_text(good)
    systemctl("reset-failed", SERVICE)
    check("and they can be made again once that is put right", systemctl("start", SERVICE).returncode == 0 and hello())
    reader.close()


def json_or_none(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


def who_left_is_forgotten(crowd):
    crowd.close()
    check("what readers leave behind is not kept", wait(lambda: stored() <= 6), stored())
    reader = Reader()
    reader.first(type="hello")
    check("who comes is kept", wait(lambda: stored() >= 5), stored())
    systemctl("stop", SERVICE)
    while (line := reader.next()) is not None:
        check("no goodbye is said, since nobody knows whether there is a next process", line.get("type") != "goodbye", line)
    check("a stop ends connections", line is None)


begin()
crowd = Crowd(READERS)
for promise in (everybody_reads, through_restarts, through_crashes, through_an_upgrade):
    promise(crowd)
the_rest_of_a_line_comes("restart", lambda: systemctl("restart", SERVICE))
the_rest_of_a_line_comes("SIGKILL", lambda: os.kill(main_pid(), signal.SIGKILL))
who_left_is_forgotten(crowd)
very_many_are_kept()
a_start_that_fails_for_good_is_seen()
finish()
