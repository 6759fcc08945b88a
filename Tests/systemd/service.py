"""What the checks are made of: the service manager, the journal, readers, and the count of what held.

Everything waits for an event, never for a length of time; a deadline only ends a wait that is in vain.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time

SERVICE = "kraken-bridge.service"
SOCKETS = pathlib.Path("/run/kraken-bridge")
SETTINGS = pathlib.Path("/etc/kraken-bridge/config.yaml")
SHIPPED = pathlib.Path(__file__).parent
READER = "bridge-reader"
PATIENCE = 20

_began = time.monotonic()
_held = 0
_failed = []


def check(what, holds, *details):
    """Prints one line; a failure shows the details."""
    global _held
    print(f"{time.monotonic() - _began:6.1f} s  {'ok  ' if holds else 'FAIL'}  {what}")
    if holds:
        _held += 1
        return
    _failed.append(what)
    for detail in details:
        print(f"                {detail}")


def finish(*promises):
    """Looks at each promise, whatever became of the ones before, and ends the script with the count."""
    for promise in promises:
        try:
            promise()
        except Exception as error:
            check(promise.__name__.replace("_", " "), False, repr(error))
    print(f"{_held} held, {len(_failed)} failed, in {time.monotonic() - _began:.0f} s")
    for what in _failed:
        print(f"FAILED: {what}")
    sys.exit(1 if _failed else 0)


def wait(condition, seconds=PATIENCE):
    """The first true value of the condition, or its last one."""
    end = time.monotonic() + seconds
    while True:
        try:
            value = condition()
        except (OSError, ValueError):
            value = None
        if value or time.monotonic() > end:
            return value
        time.sleep(0.05)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def systemctl(*arguments):
    return run("systemctl", *arguments)


def show(name, unit=SERVICE):
    return systemctl("show", "--value", f"--property={name}", unit).stdout.strip()


def main_pid():
    return int(show("MainPID"))


def is_active():
    return show("ActiveState") == "active" and show("SubState") == "running"


def drop_in(name, text):
    """Writes a drop-in of the service; None removes it."""
    path = pathlib.Path(f"/etc/systemd/system/{SERVICE}.d/{name}.conf")
    path.parent.mkdir(exist_ok=True)
    if text is None:
        path.unlink(missing_ok=True)
    else:
        path.write_text(text)
    systemctl("daemon-reload")


def journal(*matches):
    """The service's entries that match, oldest first."""
    run("journalctl", "--sync")
    lines = run("journalctl", "--boot", "--output=json", f"_SYSTEMD_UNIT={SERVICE}", *matches).stdout
    return [json.loads(line) for line in lines.splitlines()]


def message_id(event):
    """The MESSAGE_ID that the catalog names for an event."""
    for line in (SHIPPED / "kraken-bridge.catalog").read_text().splitlines():
        words = line.split()
        if words[:1] == ["--"]:
            number = words[1]
        elif words[:1] == ["Subject:"] and event in line:
            return number
    raise KeyError(event)


def mode(path):
    return os.stat(path).st_mode & 0o7777


def as_user(user, *command):
    """Runs a command as another user; what it prints, and its status."""
    return run("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", *command)


class Reader:
    """A connection of root's."""

    def __init__(self, path=SOCKETS / "bridge.sock"):
        self.socket = socket.socket(socket.AF_UNIX)
        # Without a time limit, since one with it does not wait for room in the backlog.
        self.socket.connect(str(path))
        self.socket.settimeout(PATIENCE)
        self.lines = self.socket.makefile("r")

    def send(self, line):
        self.socket.sendall(line.encode() + b"\n")

    def next(self):
        """The next line; None when the connection has ended."""
        try:
            line = self.lines.readline()
        except (ConnectionError, TimeoutError):
            return None
        return json.loads(line) if line else None

    def first(self, **wanted):
        """The next line that has these values; None when there is none in time."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            line = self.next()
            if line is None or all(line.get(key) == value for key, value in wanted.items()):
                return line
        return None

    def ask(self, line):
        self.send(line)
        while True:
            answer = self.next()
            if answer is None or "method" in answer:
                return answer

    def close(self):
        self.lines.close()
        self.socket.close()


def hello(path=SOCKETS / "bridge.sock"):
    """The first line that a newcomer gets; None if nobody answers."""
    try:
        reader = Reader(path)
    except OSError:
        return None
    line = reader.next()
    reader.close()
    return line


def online():
    """Whether the bridge says that Kraken is there."""
    line = hello()
    return line and line["data"]["upstreams"]["public"] == "online"


if __name__ == "__main__":
    # A reader run as another user: subscribes, and prints the first lines that it was asked to wait for.
    reader = Reader(sys.argv[1])
    reader.send(sys.argv[2])
    for kind in sys.argv[3:]:
        print(json.dumps(reader.first(type=kind)), flush=True)
    print(json.dumps(reader.ask("clients")))
