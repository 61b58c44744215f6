#!/usr/bin/python3
"""Load that counts every answer: rolling_load.py rest|grpc PORT FORM MESSAGE TOKEN STOP.

Sixteen clients, each with a connection that it keeps, one request after the other, until the file STOP is there. REST clients open a new
connection when the server closes theirs in order, that is behind a whole answer with Connection: close. Anything but a token is a failure.
Prints `granted N`, a line for each kind of failure, and the longest time that an answer took; exits with 1 when there was a failure.
"""
import collections
import http.client
import os
import sys
import threading
import time

kind, port, form_file, message_file, token_file, stop_file = sys.argv[1:]
port = int(port)
CLIENTS = 16
granted = collections.Counter()
failures = collections.Counter()
longest = [0.0]


def read(path):
    with open(path, "rb") as f:
        return f.read()


def keep_on(ask):
    while not os.path.exists(stop_file):
        began = time.monotonic()
        try:
            outcome = ask()
        except Exception as e:  # whatever it is, it is a failed request
            outcome = f"{type(e).__name__}: {e}"
        longest[0] = max(longest[0], time.monotonic() - began)
        (granted if outcome is None else failures)[outcome] += 1


def rest_client():
    form = read(form_file)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def ask():
        try:
            connection.request("POST", "/oauth2/token", form, {"Content-Type": "application/x-www-form-urlencoded"})
            reply = connection.getresponse()
            body = reply.read()
        except BaseException:
            connection.close()
            raise
        return None if reply.status == 200 and b'"access_token"' in body else f"{reply.status} {body[:80]!r}"

    keep_on(ask)


def grpc_client():
    import grpc

    message = read(message_file)[5:]
    metadata = [("authorization", "Bearer " + read(token_file).decode())]
    with grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]) as channel:
        grpc.channel_ready_future(channel).result(timeout=20)  # the way to the balancer isn't what is tried here
        call = channel.unary_unary("/m2m.v1.M2MClients/IssueToken")

        def ask():
            try:
                return None if call(message, timeout=30, metadata=metadata) else "empty"
            except grpc.RpcError as e:
                return f"{e.code().name} {e.details()}"

        keep_on(ask)


threads = [threading.Thread(target=rest_client if kind == "rest" else grpc_client) for _ in range(CLIENTS)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print("granted", sum(granted.values()))
for what, n in failures.items():
    print(n, "times", what)
print(f"the longest took {longest[0]:.3f} s")
sys.exit(1 if failures else 0)
