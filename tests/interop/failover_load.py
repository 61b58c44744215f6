#!/usr/bin/python3
"""Load through a failover: failover_load.py PORT PORT CLIENT_ID SECRET ADMIN_TOKEN DIR BOUND_MS.

Rotates at the start, and once more when the new primary serves. Meanwhile clients at both gateways ask for tokens with the newest secret, and others with secrets that a rotation
had ended before they asked. Writes into DIR: `rotated` (the secret after the first rotation, when it has returned), `last_secret`, `delivered` (a jti a line). Reads there: `down`, `promoted`
(made by the caller). Exits with 1 when an ended secret got a token, an answer took longer than BOUND_MS, an answer was neither a token, nor 401 to an ended secret, nor a 503 with Retry-After,
or a gateway didn't come back within 30 s.
"""
import base64
import http.client
import json
import os
import sys
import threading
import time

ports = [int(sys.argv[1]), int(sys.argv[2])]
client_id, first_secret, admin, folder, bound = sys.argv[3], sys.argv[4], sys.argv[5], sys.argv[6], int(sys.argv[7]) / 1000
lock = threading.Lock()
newest = [first_secret]
ended = []
faults = []
delivered = []
statuses = {}
back = {}
longest = [0.0]
stop = threading.Event()
rotating = threading.Event()  # the newest secret may have been ended already


def path(name):
    return os.path.join(folder, name)


def write(name, text):
    with open(path(name) + ".new", "w") as f:
        f.write(text)
    os.rename(path(name) + ".new", path(name))


def fault(what):
    with lock:
        if len(faults) < 20:
            faults.append(f"{time.strftime('%T')} {what}")


def call(port, target, body, headers):
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", target, body, headers)
        reply = connection.getresponse()
        said = reply.read()
        if reply.status == 503 and not reply.headers.get("Retry-After"):
            fault("503 without Retry-After")
        return reply.status, said
    finally:
        connection.close()
        with lock:
            longest[0] = max(longest[0], time.monotonic() - began)


def ask(port, secret):
    form = f"grant_type=client_credentials&client_id={client_id}&client_secret={secret}"
    return call(port, "/oauth2/token", form, {"Content-Type": "application/x-www-form-urlencoded"})


def jti(said):
    part = json.loads(said)["access_token"].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=="))["jti"]


def good_client(port):
    while not stop.is_set():
        with lock:
            secret, unsure = newest[0], rotating.is_set()
        status, said = ask(port, secret)
        with lock:
            statuses[status] = statuses.get(status, 0) + 1
        if status == 200:
            with lock:
                delivered.append(jti(said))
                if os.path.exists(path("promoted")):
                    back.setdefault(port, time.monotonic())
        elif status == 503:
            time.sleep(0.05)
        elif status == 401:
            with lock:
                if secret == newest[0] and not unsure and not rotating.is_set():
                    faults.append("401 to the newest secret")
        else:
            fault(f"{status} {said[:200]!r}")


def ended_client(port):
    i = 0
    while not stop.is_set():
        with lock:
            known = list(ended)
        if not known:
            time.sleep(0.01)
            continue
        i += 1
        status, said = ask(port, known[i % len(known)])
        if status == 200:
            fault("an ended secret got a token")
        elif status not in (401, 503):
            fault(f"{status} {said[:200]!r}")
        time.sleep(0.005)


def rotate(port):
    rotating.set()
    headers = {"Content-Type": "application/json", "Authorization": "Bearer " + admin, "Idempotency-Key": f"failover-{len(ended)}"}
    for _ in range(100):  # the connection that rotates may be back a moment later than the one that issues
        status, said = call(port, "/m2m/rotate", '{"grace_seconds":0}', headers)
        if status != 503:
            break
        time.sleep(0.1)
    if status != 200:
        return status
    with lock:
        ended.append(newest[0])
        newest[0] = json.loads(said)["client_secret"]
        rotating.clear()
    return status


threads = [threading.Thread(target=good_client, args=(p,)) for p in ports for _ in range(4)]
threads += [threading.Thread(target=ended_client, args=(p,)) for p in ports]
for t in threads:
    t.start()
time.sleep(0.5)
if rotate(ports[0]) != 200:
    fault("the first rotation failed")
write("rotated", newest[0])
deadline = time.monotonic() + 60
while not os.path.exists(path("promoted")) and time.monotonic() < deadline:
    time.sleep(0.01)
promoted = time.monotonic()
while len(back) < 2 and time.monotonic() < promoted + 30:
    time.sleep(0.05)
for port in ports:
    if port not in back:
        fault(f"gateway {port} didn't come back")
if rotate(ports[1]) != 200:
    fault("the rotation on the new primary failed")
time.sleep(1)
stop.set()
for t in threads:
    t.join()
write("last_secret", newest[0])
write("delivered", "".join(j + "\n" for j in delivered))
if longest[0] > bound:
    fault(f"an answer took {longest[0]:.2f} s")
if not statuses.get(503):
    fault("nothing was refused: was the primary down?")
print("answers:", statuses)
print("back after the promotion:", [f"{at - promoted:.2f} s" for at in back.values()])
print(f"the longest answer took {longest[0]:.2f} s")
print("\n".join(faults))
sys.exit(1 if faults else 0)
