#!/usr/bin/python3
"""What others see while a gateway is flooded: ten times a second health, the secret, and a rotation, each on a connection of its own.

    probe.py SECONDS URL OPS_URL ADMIN_TOKEN

Prints the median and the most of each, in milliseconds, as JSON; fails when one was answered with anything but 200.
"""
import json
import statistics
import sys
import time
import urllib.request


def main():
    seconds, url, ops, token = sys.argv[1:]
    bearer = {"Authorization": f"Bearer {token}"}
    probes = {
        "livez": (f"{ops}/livez", "GET", {}),
        "readyz": (f"{ops}/readyz", "GET", {}),
        "read_secret": (f"{url}/m2m/client-secret", "GET", bearer),
        "rotate": (f"{url}/m2m/rotate", "POST", bearer),
    }
    times = {name: [] for name in probes}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + float(seconds)
    while time.monotonic() < until:
        for name, (target, method, headers) in probes.items():
            began = time.monotonic()
            with opener.open(urllib.request.Request(target, method=method, headers=headers), timeout=30) as answer:
                answer.read()
            times[name].append((time.monotonic() - began) * 1000)
        time.sleep(0.1)
    print(json.dumps({name: {"median": round(statistics.median(t), 1), "max": round(max(t), 1), "n": len(t)} for name, t in times.items()}))


main()
