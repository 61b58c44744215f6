#!/usr/bin/python3
"""What a stranger needs to check a proof of `m2mctl audit prove JTI --output json`, and no more: this file shares nothing with the program that made it.

    check_proof.py PROOF.json KEY.json     KEY.json: the public key (JWK), known from before

Prints the row that is proven, and exits with 1 when the proof doesn't hold.
"""

import base64
import hashlib
import json
import struct
import sys
import uuid
from datetime import datetime, timedelta, timezone

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

COLUMNS = (
    "issued_at expires_at jti organization_id request_id batch_id secret_version transport client_id kid caller scope"
    " audience remote_addr user_agent traceparent auth_method credential bound_to"
).split()
SEALS = {b"\2m2m-gateway audit seal v1": 16, b"\2m2m-gateway audit seal v2": 19}  # and the fields of their rows
ROOT_AT = 123  # in the sealed bytes


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def root_of(row, index, rows, path):
    """RFC 9162 section 2.1.3.2."""
    node, last, path = sha256(b"\0", row), rows - 1, list(path)
    if not 0 <= index < rows:
        raise ValueError("no such leaf")
    while last > 0:
        if index % 2 == 1:
            node = sha256(b"\1", path.pop(0), node)
        elif index < last:
            node = sha256(b"\1", node, path.pop(0))
        index, last = index // 2, last // 2
    if path:
        raise ValueError("the path is too long")
    return node


def fields_of(row):
    """PostgreSQL's binary copy format: the number of fields, then each behind its length."""
    (count,), at, values = struct.unpack_from("!h", row), 2, []
    for _ in range(count):
        (length,) = struct.unpack_from("!i", row, at)
        at += 4
        values.append(None if length < 0 else row[at : at + length])
        at += max(length, 0)
    return dict(zip(COLUMNS, values))


def check(proof, jwk):
    row, seal = decode(proof["row"]), decode(proof["seal"])
    root = root_of(row, proof["index"], proof["rows"], [bytes.fromhex(h) for h in proof["path"]])
    if seal[:26] not in SEALS or seal[ROOT_AT : ROOT_AT + 32] != root:
        raise ValueError("the row isn't one of the sealed")
    if row[:2] != struct.pack("!h", SEALS[seal[:26]]):
        raise ValueError("the row isn't of the seal's version")
    x, y = (int.from_bytes(decode(jwk[name]), "big") for name in "xy")
    r, s = (int.from_bytes(half, "big") for half in struct.unpack("32s32s", decode(proof["signature"])))
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    key.verify(utils.encode_dss_signature(r, s), sha256(seal), ec.ECDSA(hashes.SHA256()))
    fields = fields_of(row)
    if uuid.UUID(bytes=fields["jti"]) != uuid.UUID(proof["jti"]):
        raise ValueError("the proof is of another token")
    return fields


def readable(name, value):
    if value is None:
        return "-"
    if name in ("issued_at", "expires_at"):
        since_2000 = timedelta(microseconds=struct.unpack("!q", value)[0])
        return (datetime(2000, 1, 1, tzinfo=timezone.utc) + since_2000).isoformat()
    if name in ("jti", "organization_id", "request_id", "batch_id"):
        return str(uuid.UUID(bytes=value))
    if name == "secret_version":
        return str(int.from_bytes(value, "big"))
    if name == "remote_addr":
        return ".".join(map(str, value[4:])) if len(value) == 8 else value[4:].hex(":", 2)
    return value.decode()


def main():
    with open(sys.argv[1], encoding="utf-8") as proof, open(sys.argv[2], encoding="utf-8") as key:
        try:
            fields = check(json.load(proof), json.load(key))
        except (ValueError, IndexError, struct.error, InvalidSignature) as fault:
            sys.exit(f"the proof doesn't hold: {fault or type(fault).__name__}")
    for name, value in fields.items():
        print(f"{name:16} {readable(name, value)}")


if __name__ == "__main__":
    main()
