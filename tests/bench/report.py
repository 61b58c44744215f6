#!/usr/bin/python3
"""What tests/bench/run has measured, as a table, as JSON, and as a chart.

    report.py MODE CELLS FACTS JSON SVG

CELLS has a JSON object for each load, FACTS what isn't of one load; JSON and SVG are paths, or empty. Round 0 is the warm-up. Medians of rounds.
"""
import json
import os
import statistics
import sys


def read(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def median(rows, value):
    return statistics.median(value(r) for r in rows)


def summary(rows):
    first = rows[0]
    tokens = lambda r: max(r["delivered"], 1)
    return {
        **{k: first[k] for k in ("server", "alg", "scheme", "connections", "clients")},
        **{k: first[k] for k in ("label", "rows") if k in first},
        "rounds": len(rows),
        "tokens_s": median(rows, lambda r: r["tokens_s"]),
        "of_signing": median(rows, lambda r: r["tokens_s"] / r["sign_rate"]),
        "p50_ms": median(rows, lambda r: r["latency_us"]["p50"] / 1000),
        "p99_ms": median(rows, lambda r: r["latency_us"]["p99"] / 1000),
        **{f"{k}_us": median(rows, lambda r, k=k: r["cpu_s"][k] / tokens(r) * 1e6) for k in ("server", "postgres", "load")},
        "signature_us": median(rows, lambda r: 1e6 / r["sign_rate"]),
        "resident_mib": median(rows, lambda r: r["resident"]["server"] / 2**20),
        "not_200": sum(sum(r["non200"].values()) + r["errors"] for r in rows),
        **({"wal_bytes": median(rows, lambda r: r["wal_bytes"])} if "wal_bytes" in first else {}),
        **({"commit_us": median(rows, lambda r: r["commit_us"])} if "commit_us" in first else {}),
    }


def group(cells):
    groups = {}
    for cell in cells:
        if cell["round"] > 0:
            key = (cell["server"], cell["alg"], cell["scheme"], cell["connections"], cell["clients"], cell.get("label"))
            groups.setdefault(key, []).append(cell)
    return [summary(rows) for rows in groups.values()]


def best_peer(rows, alg, connections):
    peers = [r for r in rows if r["server"] != "gateway" and r["alg"] == alg and r["connections"] == connections]
    return max(peers, key=lambda r: r["of_signing"], default=None)


HEAD = (f"{'server':<14} {'alg':<6} {'over':<6} {'conns':>5} {'clients':>8} {'tokens/s':>9} {'of signing':>10} {'p50 ms':>7} {'p99 ms':>7}"
        f" {'us server':>9} {'us PG':>6} {'us wrk':>6} {'MiB':>6} {'x best peer':>11}")


def line(r, rows):
    peer = best_peer(rows, r["alg"], r["connections"])
    times = f"{r['of_signing'] / peer['of_signing']:.1f}" if peer and r["server"] == "gateway" else ""
    wrong = f"  {r['not_200']} answers were no 200" if r["not_200"] else ""
    return (f"{r.get('label') or r['server']:<14} {r['alg']:<6} {r['scheme']:<6} {r['connections']:>5} {r['clients']:>8} {r['tokens_s']:>9.0f} {r['of_signing']:>10.2f}"
            f" {r['p50_ms']:>7.1f} {r['p99_ms']:>7.1f} {r['server_us']:>9.1f} {r['postgres_us']:>6.1f} {r['load_us']:>6.1f} {r['resident_mib']:>6.1f} {times:>11}{wrong}")


def compare(rows, cells):
    """Adds each round's ratio to the first size of the same round, since the machine drifts."""
    measured = [c for c in cells if c["round"] > 0]
    of_signing = lambda c: c["tokens_s"] / c["sign_rate"]
    first = {c["round"]: of_signing(c) for c in measured if c["label"] == rows[0]["label"]}
    for r in rows:
        mine = [c for c in measured if c["label"] == r["label"]]
        r["of_first"] = [of_signing(c) / first[c["round"]] for c in mine]
        r["reads"] = statistics.median(c["reads"] for c in mine)


def print_growth(rows, facts):
    print("medians of rounds; of the first: tokens/s of signing in relation to the first size's of the same round, and the least and the most of that; reads: blocks of the clients' tables and")
    print("indexes that were not in shared_buffers, a token, from the gateway's start on;", "PostgreSQL's shared memory is in huge pages" if facts[0]["huge_pages"] else "no huge pages")
    print(f"{'size':<34} {'tokens/s':>9} {'of signing':>10} {'of the first':>19} {'p99 ms':>7} {'us gateway':>10} {'us PG':>6} {'us wrk':>6} {'reads':>6}")
    for r in rows:
        ratio = f"{statistics.median(r['of_first']):.2f} ({min(r['of_first']):.2f}-{max(r['of_first']):.2f})"
        wrong = f"  {r['not_200']} answers were no 200" if r["not_200"] else ""
        print(f"{r['label']:<34} {r['tokens_s']:>9.0f} {r['of_signing']:>10.2f} {ratio:>19} {r['p99_ms']:>7.1f} {r['server_us']:>10.1f} {r['postgres_us']:>6.1f} {r['load_us']:>6.1f}"
              f" {r['reads']:>6.2f}{wrong}")
    print()
    tables = list(facts[0]["bytes"])
    print(f"{'MiB (of which indexes)':<34}" + "".join(f" {name:>17}" for name in tables))
    for f in facts:
        sizes = (f"{f['bytes'][name]['total'] / 2**20:.1f} ({f['bytes'][name]['indexes'] / 2**20:.1f})" for name in tables)
        print(f"{f['size']:<34}" + "".join(f" {text:>17}" for text in sizes))


def print_overload(facts):
    for alg in dict.fromkeys(f["alg"] for f in facts):
        mine = [f for f in facts if f["alg"] == alg]
        of = lambda value: statistics.median(value(f) for f in mine)
        print(f"{alg}: peak {of(lambda f: f['peak']):.0f} tokens/s; offered {of(lambda f: f['offered_s'] / f['peak']):.2f} times that: goodput {of(lambda f: f['of_peak']):.2f} of the peak,"
              f" {of(lambda f: f['refused'] / (f['refused'] + f['issued'])) * 100:.0f} % refused, {sum(f['other_answers'] for f in mine)} other answers")
        bare = f"a bare read and write of a refusal's bytes takes {of(lambda f: f['bare_us']):.1f} us of CPU: with that, {of(lambda f: f['possible']):.2f} of the peak is possible"
        if alg == "ES256":  # an RSA signature's time varies by more than a refusal takes
            bare += f"; the gateway's takes {of(lambda f: f['refusal_us']):.1f} us"
        print(f"    {bare}")
        for name, key in (("a refusal", "refusal_ms"), ("a token", "token_ms")):
            if all(f[key] for f in mine):
                print(f"    {name}: p50 {of(lambda f: f[key]['p50']):.1f} ms, p99 {of(lambda f: f[key]['p99']):.1f} ms")
        for name in mine[0]["probes_ms"]:
            print(f"    {name}: median {of(lambda f: f['probes_ms'][name]['median']):.1f} ms, the longest of all rounds {max(f['probes_ms'][name]['max'] for f in mine):.1f} ms")


def print_auth(rows, cells, facts):
    """Ratios of each round, since the machine drifts; what two cores could do is said of the same round's rates."""
    by = {}
    for c in cells:
        if c["round"] > 0:
            by.setdefault(c["round"], {})[c["label"]] = c
    rounds = [r for r in by.values() if {"secrets", "assertions", "introspection"} <= set(r)]
    both = lambda c: os.cpu_count() / (1 / c["sign_rate"] + 1 / c["verify_rate"])
    of = lambda value: f"{statistics.median(value(r) for r in rounds):.2f} ({min(value(r) for r in rounds):.2f}-{max(value(r) for r in rounds):.2f})"
    print(f"{'ES256, 256 connections':<24} {'a second':>9} {'of signing':>10} {'p50 ms':>7} {'p99 ms':>7} {'us gateway':>10} {'us PG':>6} {'us wrk':>6} {'MiB':>6}")
    for r in rows:
        wrong = f"  {r['not_200']} answers were not as they should be" if r["not_200"] else ""
        print(f"{r['label']:<24} {r['tokens_s']:>9.0f} {r['of_signing']:>10.2f} {r['p50_ms']:>7.1f} {r['p99_ms']:>7.1f} {r['server_us']:>10.1f}"
              f" {r['postgres_us']:>6.1f} {r['load_us']:>6.1f} {r['resident_mib']:>6.1f}{wrong}")
    print()
    last = rounds[-1]["secrets"]
    print(f"one core signs {last['sign_rate']:.0f} and verifies {last['verify_rate']:.0f} times a second (openssl speed); {os.cpu_count()} cores")
    rate = lambda r, name: r[name]["tokens_s"]
    print("medians of rounds, the least and the most:")
    print(f"    assertions to secrets: {of(lambda r: rate(r, 'assertions') / rate(r, 'secrets'))}, at least 0.5;")
    print(f"    or to what signing plus verifying costs all cores: {of(lambda r: rate(r, 'assertions') / both(r['assertions']))}, at least 0.6")
    print(f"    introspection to secrets: {of(lambda r: rate(r, 'introspection') / rate(r, 'secrets'))}, at least 1.3")
    print("secrets beside another revision's, within 2 %: tests/bench/revisions --alg ES256 --connections 256 REVISION")
    for u in (f["used_once"] for f in facts if "used_once" in f):
        print(f"used once: {u['bytes_per_entry']:.0f} bytes an entry with its index; an hour of {u['entries']} of them is forgotten in {u['drop_ms']} ms")


def print_table(rows, facts):
    print(HEAD)
    for r in rows:
        print(line(r, rows))
    print()
    for r in rows:
        if "commit_us" in r:
            one = r["commit_us"] + r["signature_us"]
            print(f"one connection, {r['alg']}: a token takes {r['p50_ms'] * 1000:.0f} us, {r['p50_ms'] * 1000 / one:.2f} times one commit ({r['commit_us']:.0f}) and one signature"
                  f" ({r['signature_us']:.0f})")
    for r in rows:
        if r["server"] == "gateway" and r["connections"] == 256 and r["scheme"] == "http" and r["clients"] == 1000 and not r.get("label"):
            print(f"256 connections, {r['alg']}: the gateway's CPU beyond the signature is {r['server_us'] - r['signature_us']:.1f} us a token; a token writes {r['wal_bytes']:.0f} bytes of WAL")
    for f in facts:
        if "audit_bytes_per_token" in f:
            print(f"{f['alg']}: {f['audit_bytes_per_token']} bytes of audit a token with its indexes, and {f['seal_bytes_per_token']} of seals")


# ---- the chart ----

COLORS = {"gateway": "#1f6feb", "oauth2-server": "#8c959f", "oidc-provider": "#b1bac4", "glewlwyd": "#d0d7de"}


def bars(rows, alg, connections):
    chosen = [r for r in rows if r["alg"] == alg and r["connections"] == connections and r["scheme"] == "http" and r["clients"] == 1000]
    return sorted(chosen, key=lambda r: -r["tokens_s"])


def svg(rows):
    panels = [(alg, n) for alg in ("ES256", "RS256") for n in (32, 256) if bars(rows, alg, n)]
    width, bar, gap, top = 760, 20, 30, 34
    parts, y = [], top
    for alg, n in panels:
        shown = bars(rows, alg, n)
        most = max(r["tokens_s"] for r in shown)
        parts.append(f'<text x="10" y="{y}" class="h">{alg}, {n} connections</text>')
        y += 10
        for r in shown:
            name = "m2m-gateway" if r["server"] == "gateway" else r["server"]
            length = max(2, r["tokens_s"] / most * (width - 300))
            parts.append(f'<text x="150" y="{y + 15}" text-anchor="end">{name}</text>')
            parts.append(f'<rect x="160" y="{y}" width="{length:.0f}" height="{bar - 3}" fill="{COLORS.get(r["server"], "#d0d7de")}"/>')
            parts.append(f'<text x="{166 + length:.0f}" y="{y + 14}">{r["tokens_s"]:,.0f}</text>')
            y += bar
        y += gap
    title = f'<text x="10" y="18" class="h">Durable, recorded tokens a second, two cores shared by server, PostgreSQL and wrk</text>'
    parts = [p.replace(f'y="{top}"', f'y="{top + 6}"', 1) if i == 0 else p for i, p in enumerate(parts)]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" font-family="sans-serif" font-size="13">'
            f'<style>.h{{font-weight:bold}} text{{fill:#1f2328}} @media (prefers-color-scheme: dark){{text{{fill:#e6edf3}}}}</style>{title}{"".join(parts)}</svg>\n')


def main():
    _, mode, cells, facts, json_path, svg_path = sys.argv
    cells, facts = read(cells), read(facts)
    rows = group(cells)
    if mode == "growth":
        compare(rows, cells)
        print_growth(rows, facts)
    elif mode == "auth":
        print_auth(rows, cells, facts)
    elif mode == "overload":
        print_overload(facts)
    else:
        print_table(rows, facts)
    if json_path:
        with open(json_path, "w", encoding="utf-8") as f:
            json.dump({"mode": mode, "loads": rows, "facts": facts}, f, indent=1)
            f.write("\n")
    if svg_path:
        with open(svg_path, "w", encoding="utf-8") as f:
            f.write(svg(rows))


main()
