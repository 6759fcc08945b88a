"""What the clients that judge kraken-sim share: one line for each check, faults on request, and waiting."""

import asyncio
import socket
import sys

# What kraken-sim --help prints; it opens nothing but the simulation.
KEY = "SIMULATED/EXCHANGE/DEMONSTRATION/KEY/OPENS/NOTHING/ELSE0"
SECRET = "c2ltdWxhdGVkIGV4Y2hhbmdlIGRlbW9uc3RyYXRpb24gc2VjcmV0LCBpdCBwcm90ZWN0cyBub3RoaW5nISEhIQ=="
WRONG_SECRET = "d3Jvbmcgc2VjcmV0IHdyb25nIHNlY3JldCB3cm9uZyBzZWNyZXQgd3Jvbmcgc2VjcmV0IHdyb25nIHNlY3JldCEh"


class Checks:
    """Counts and prints checks of one client; Tests/third-party/run reads the lines."""

    def __init__(self, client):
        self.client = client
        self.passed = self.failed = 0

    def __call__(self, name, condition, detail=""):
        if condition:
            self.passed += 1
        else:
            self.failed += 1
        print(f"{'ok' if condition else 'FAILED'}: {self.client}: {name} {detail}", flush=True)

    def finish(self):
        print(f"{self.client}: {self.passed} passed, {self.failed} failed")
        sys.exit(1 if self.failed or not self.passed else 0)


def inject(control_socket, command):
    """Asks the simulated exchange for a fault."""
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(control_socket)
        control.sendall(command.encode() + b"\n")
        answer = control.recv(4096).decode().strip()
    if answer != "ok":
        raise RuntimeError(f"{command}: {answer}")


async def until(condition, seconds=25):
    """True once the condition holds, False when the time is over."""
    for _ in range(seconds * 20):
        if condition():
            return True
        await asyncio.sleep(0.05)
    return False
