"""Processes under measurement: started, looked at, and ended whatever happens.

CPU time comes from the process's own CPU clock: all threads, those that have ended too, in nanoseconds.
"""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PAGE = os.sysconf("SC_PAGE_SIZE")


HERE = os.path.dirname(os.path.abspath(__file__))
# How each program that is not Swift is compiled.
PROGRAMS = {
    "load": ["cc", "-std=gnu17", "-O3", "native/load.c"],
    "roundtrip": ["cc", "-std=gnu17", "-O2", "native/roundtrip.c"],
    "fanout_loop": [
        "cc", "-O2", "-pthread", "-Iinprocess/Drain/include", "inprocess/fanout_loop.c", "inprocess/Drain/drain.c"],
    "simdjson_parse": ["c++", "-O2", "inprocess/simdjson_parse.cpp", "-lsimdjson"],
}


class Failed(Exception):
    """A benchmark could not be run; the text says why."""


def cpu_seconds(pid):
    """User and system time of a process. The clock's number is made as clock_getcpuclockid(3) makes it."""
    return time.clock_gettime((~pid << 3) | 2)


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * PAGE


class Workshop:
    """A temporary folder and everything that was started in it; leaving it ends and removes all."""

    def __init__(self, bin_folder, native_folder, python):
        self.bin = bin_folder
        self.native = native_folder
        self.python = python
        self.folder = tempfile.mkdtemp(prefix="kraken-bench-")
        self.children = []
        self.commands = {}
        self.compiled = {}
        self.notes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop(*self.children)
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        path = self.path(name)
        with open(path, "wb" if isinstance(content, bytes) else "w") as file:
            file.write(content)
        return path

    def program(self, name):
        """Path of one of PROGRAMS, compiled when it is first asked for."""
        if name not in self.compiled:
            os.makedirs(self.native, exist_ok=True)
            path = os.path.join(self.native, name)
            command = [*PROGRAMS[name], "-o", path]
            # Libraries come last.
            command.sort(key=lambda part: part.startswith("-l"))
            done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise Failed(f"{' '.join(command)}: {done.stderr.strip()}")
            self.commands[f"compile {name}"] = shlex.join(command)
            self.compiled[name] = path
        return self.compiled[name]

    def start(self, name, arguments, pass_fds=(), pipes=False, output=None, environment=None):
        """A child whose errors go to a file, and that the kernel kills should this process be killed."""
        arguments = [str(argument) for argument in arguments]
        self.commands.setdefault(name, shlex.join(arguments))
        with open(self.path(f"{name}.log"), "ab") as errors:
            child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *arguments], stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else output or errors, stderr=errors, pass_fds=pass_fds, cwd=self.folder,
                env=os.environ | (environment or {}))
        child.name = name
        self.children.append(child)
        return child

    def stop(self, *children):
        for child in reversed(children):
            if child.poll() is None:
                child.terminate()
        for child in reversed(children):
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe:
                    pipe.close()
            if child in self.children:
                self.children.remove(child)

    def said(self, name):
        """The last lines that a child wrote to its log."""
        try:
            with open(self.path(f"{name}.log"), encoding="utf-8", errors="replace") as file:
                return "".join(file.readlines()[-6:]).strip()
        except OSError:
            return ""

    def wait_for(self, condition, child, what, seconds=20):
        deadline = time.monotonic() + seconds
        while not condition():
            if child.poll() is not None:
                raise Failed(f"{child.name} ended with {child.returncode}: {self.said(child.name)}")
            if time.monotonic() > deadline:
                raise Failed(f"{what} in vain: {self.said(child.name)}")
            time.sleep(0.005)

    def output(self, arguments, pass_fds=(), seconds=120):
        """Runs a program to its end and reads the JSON object that it prints, if it prints one."""
        name = os.path.basename(arguments[0])
        arguments = [str(argument) for argument in arguments]
        child = self.start(name, arguments, pass_fds, pipes=True)
        try:
            out, _ = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as failure:
            raise Failed(f"{name} did not end in {seconds} s") from failure
        finally:
            self.stop(child)
        if child.returncode != 0:
            raise Failed(f"{name} ended with {child.returncode}: {self.said(name)}")
        return json.loads(out) if out else None


class Load:
    """native/load.c as a child that takes commands."""

    def __init__(self, workshop, arguments, pass_fds=(), seconds=90):
        self.workshop = workshop
        self.child = workshop.start("load", [workshop.program("load"), *arguments], pass_fds, pipes=True)
        self.settled = self._read(seconds)

    def _read(self, seconds):
        # The program bounds its own waiting; this bounds the program.
        timer = signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            line = self.child.stdout.readline()
        finally:
            signal.setitimer(signal.ITIMER_REAL, *timer)
        if not line:
            self.child.wait(5)
            raise Failed(f"load ended with {self.child.returncode}: {self.workshop.said('load')}")
        return json.loads(line)

    def run(self, count, rate=0, window=1024, spins=False, seconds=60):
        self.child.stdin.write(f"run {count} {rate} {window} {int(spins)}\n".encode())
        self.child.stdin.flush()
        return self._read(seconds)


def is_listening(path):
    """Whether a Unix socket takes connections."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
            return True
        except OSError:
            return False
