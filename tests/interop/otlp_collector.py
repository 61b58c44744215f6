#!/usr/bin/python3
"""A collector: otlp_collector.py PORT SPANS PORT_FILE [slow]. Takes OTLP/HTTP in JSON, strictly, and writes each span as a line of JSON with its attributes as an object.

`slow`: answers after three seconds.
"""
import http.server
import json
import os
import re
import sys
import time

port, spans_file, port_file, slow = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:] == ["slow"]


def values(attributes):
    read = {"stringValue": str, "intValue": int, "boolValue": bool}
    flat = {}
    for a in attributes:
        assert set(a) == {"key", "value"} and len(a["value"]) == 1, a
        assert a["key"] not in flat, a
        (kind, value), = a["value"].items()
        flat[a["key"]] = read[kind](value)
    return flat


def spans_of(request):
    assert set(request) == {"resourceSpans"}
    for r in request["resourceSpans"]:
        for scope in r["scopeSpans"]:
            for s in scope["spans"]:
                assert set(s) <= {"traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "attributes", "status"}, s
                assert re.fullmatch("[0-9a-f]{32}", s["traceId"]) and int(s["traceId"], 16) and re.fullmatch("[0-9a-f]{16}", s["spanId"]) and int(s["spanId"], 16)
                assert isinstance(s["startTimeUnixNano"], str) and isinstance(s["endTimeUnixNano"], str)
                yield {**s, "attributes": values(s["attributes"]), "resource": values(r["resource"]["attributes"]),
                       "nanoseconds": int(s["endTimeUnixNano"]) - int(s["startTimeUnixNano"]), "age": time.time() - int(s["endTimeUnixNano"]) / 1e9}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.path == "/v1/traces" and self.headers["Content-Type"] == "application/json"
        if slow:
            time.sleep(3)
        with open(spans_file, "a") as f:
            for span in spans_of(json.loads(body)):
                f.write(json.dumps(span) + "\n")
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
with open(port_file + ".new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename(port_file + ".new", port_file)
server.serve_forever()
