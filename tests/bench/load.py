#!/usr/bin/python3
"""One load: wrk for some seconds, and what it took of whom.

    load.py URL CONNECTIONS SECONDS BODIES TOKENS_PREFIX [NAME=PID]...

Prints one JSON object: what tests/bench/wrk.lua says of the answers, the seconds of CPU of wrk and of each NAME (the process and all that descend from it, the kernel's work for
them too), and the most resident memory of each NAME's processes, added up, in bytes.
"""
import json
import os
import resource
import subprocess
import sys

TICK = os.sysconf("SC_CLK_TCK")


def stat(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        return f.read().rsplit(")", 1)[1].split()


def tree(root):
    """The process and its descendants."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parents[int(name)] = int(stat(name)[1])
            except (OSError, IndexError):
                continue
    found, grew = {root}, True
    while grew:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        grew = bool(more)
        found |= more
    return found


def cpu(root):
    """User and system time, of children that have ended too."""
    total = 0
    for pid in tree(root):
        try:
            total += sum(int(v) for v in stat(pid)[11:15])
        except OSError:
            continue
    return total / TICK


def resident(root):
    total = 0
    for pid in tree(root):
        try:
            with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith("VmHWM:"))
        except OSError:
            continue
    return total * 1024


def main():
    url, connections, seconds, bodies, tokens, *named = sys.argv[1:]
    pids = {name: int(pid) for name, pid in (n.split("=") for n in named)}
    lua = os.path.join(os.path.dirname(os.path.realpath(__file__)), "wrk.lua")
    before = {name: cpu(pid) for name, pid in pids.items()}
    run = subprocess.run(
        ["wrk", "-t", "1", "-c", connections, "-d", f"{seconds}s", "--timeout", "30s", "-s", lua, url],
        env={**os.environ, "BENCH_BODIES": bodies, "BENCH_TOKENS": tokens}, capture_output=True, text=True, check=False)
    after = {name: cpu(pid) for name, pid in pids.items()}
    if run.returncode != 0:
        sys.exit(run.stdout + run.stderr)
    answer = json.loads(run.stdout.strip().splitlines()[-1])
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    answer["cpu_s"] = {name: after[name] - before[name] for name in pids}
    answer["cpu_s"]["load"] = used.ru_utime + used.ru_stime
    answer["resident"] = {name: resident(pid) for name, pid in pids.items()}
    print(json.dumps(answer))


main()
