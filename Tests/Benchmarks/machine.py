"""On what the figures were taken: the machine, its load, and the version of everything involved."""

import os
import platform
import re
import subprocess


def _said(*arguments):
    try:
        return subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False).stdout.strip()
    except OSError:
        return ""


def _version(pattern, *arguments):
    match = re.search(pattern, _said(*arguments))
    return match[1] if match else "?"


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"^model name\s*:\s*(.*)$", file.read(), re.MULTILINE)
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = int(re.search(r"MemTotal:\s*(\d+)", file.read())[1]) / (1 << 20)
    with open("/etc/os-release", encoding="utf-8") as file:
        system = re.search(r'PRETTY_NAME="(.*)"', file.read())
    return {
        "processor": f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores",
        "memory": f"{memory:.0f} GiB",
        "kernel": platform.release(),
        "system": system[1] if system else "?",
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def versions(bin_folder, python):
    found = {
        "kraken-bridge": _version(r"([\d.]+)", os.path.join(bin_folder, "kraken-bridged"), "--version"),
        "swift": _version(r"Swift version ([\d.]+)", "swift", "--version"),
        "cc": _version(r"(\d+\.\d+\.\d+)", "cc", "--version"),
        "redis": _version(r"v=([\d.]+)", "redis-server", "--version"),
        "nats": _version(r"v([\d.]+)", "nats-server", "--version"),
        "mosquitto": _version(r"version ([\d.]+)", "mosquitto", "-h"),
        "simdjson": _version(r"([\d.]+)", "dpkg-query", "-W", "-f", "${Version}", "libsimdjson-dev"),
        "python": _version(r"([\d.]+)", python, "--version"),
    }
    for line in _said(python, "-m", "pip", "--disable-pip-version-check", "freeze").splitlines():
        name, _, version = line.partition("==")
        if name in ("python-kraken-sdk", "cryptofeed", "orjson", "uvloop"):
            found[name] = version
    return found
