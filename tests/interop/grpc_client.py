#!/usr/bin/python3
"""grpcio and protobuf, as Debian ships them, as a client of the gateway: no generated code, only methods' paths, and
messages made from a descriptor set.

    grpc_client.py          the tests
    grpc_client.py crowd    prints a line once 50 calls are under way, and waits for them: to be killed
    grpc_client.py watch    prints what a health Watch says, until it ends, and how it ended

tap.sh says what is printed, stack.sh and run_grpc what is in the environment.
"""

import contextlib
import json
import os
import subprocess
import sys
import time

import grpc
import requests
from authlib.jose import JsonWebKey, JsonWebToken
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from tap import run

ISSUER = os.environ["M2M_URL"]
TARGET = os.environ["M2M_GRPC"]
ALGORITHM = os.environ["M2M_SIGNING_ALG"]
CLIENT_ID = os.environ["M2M_CLIENT_ID"]
CLIENT_SECRET = os.environ["M2M_CLIENT_SECRET"]
ADMIN = [("authorization", "Bearer " + os.environ["M2M_ADMIN_TOKEN"])]

M2M = "m2m.v1.M2MClients"
HEALTH = "grpc.health.v1.Health"
SERVICES = {HEALTH, M2M, "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"}
TIMEOUT = 30


def load_pool():
    pool = descriptor_pool.DescriptorPool()
    with open(os.environ["DESCRIPTOR_SET"], "rb") as file:
        for proto in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
            pool.Add(proto)
    return pool


POOL = load_pool()
FACTORY = message_factory.MessageFactory(POOL)


def message_class(name):
    return FACTORY.GetPrototype(POOL.FindMessageTypeByName(name))


def method_of(channel, service, name):
    descriptor = POOL.FindServiceByName(service).FindMethodByName(name)
    kind = {
        (False, False): channel.unary_unary,
        (False, True): channel.unary_stream,
        (True, True): channel.stream_stream,
    }[descriptor.client_streaming, descriptor.server_streaming]
    request, reply = (FACTORY.GetPrototype(each) for each in (descriptor.input_type, descriptor.output_type))
    path = "/%s/%s" % (service, name)
    return kind(path, request_serializer=request.SerializeToString, response_deserializer=reply.FromString), request


CHANNEL = grpc.insecure_channel(TARGET)


def begin(name, request=None, metadata=None, service=M2M, channel=CHANNEL, **options):
    method, request_class = method_of(channel, service, name)
    message = json_format.ParseDict(request or {}, request_class())
    return method.future(message, metadata=ADMIN if metadata is None else metadata, timeout=options.pop("timeout", TIMEOUT), **options)


def ask(name, request=None, metadata=None, **options):
    return begin(name, request, metadata, **options).result()


def grant(secret=CLIENT_SECRET):
    return {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": secret}


def refusal_of(call):
    """The grpc.RpcError that a future ends with."""
    try:
        call.result()
    except grpc.RpcError as error:
        return error
    raise AssertionError("it was answered")


def error_info_of(error):
    """The google.rpc.ErrorInfo of an error's rich form, which must repeat its code and message."""
    trailers = dict(error.trailing_metadata())
    assert "grpc-status-details-bin" in trailers, error
    status = message_class("google.rpc.Status").FromString(trailers["grpc-status-details-bin"])
    assert status.code == error.code().value[0] and status.message == error.details(), status
    info = message_class("google.rpc.ErrorInfo")()
    assert any(detail.Unpack(info) for detail in status.details), status
    assert info.domain == "m2m-gateway" and info.metadata["request_id"] == trailers["x-request-id"], info
    return info


def assert_refused(call, reason, status):
    error = refusal_of(call)
    assert error.code().value[0] == status, error
    info = error_info_of(error)
    assert info.reason == reason, info
    return info


def assert_token(reply):
    keys = JsonWebKey.import_key_set(requests.get(ISSUER + "/.well-known/jwks.json", timeout=TIMEOUT).json())
    options = {name: {"essential": True, "value": value} for name, value in (("iss", ISSUER), ("aud", "public-api"))}
    claims = JsonWebToken([ALGORITHM]).decode(reply.access_token, keys, claims_options=options)
    claims.validate()
    assert claims["client_id"] == CLIENT_ID and reply.token_type == "Bearer" and reply.expires_in == 86400, reply


@contextlib.contextmanager
def issuing_waits():
    """Within it no token's row can be written."""
    command = ["psql", "-XqAt", os.environ["M2M_ADMIN_DATABASE_URL"]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as psql:
        psql.stdin.write("begin;\nlock table m2m.token_audit in access exclusive mode;\n\\echo locked\n")
        psql.stdin.flush()
        assert psql.stdout.readline() == "locked\n"
        yield


def every_operation_answers():
    assert ask("GetClientId").client_id == CLIENT_ID
    secret = ask("GetClientSecret")
    assert secret.client_secret == CLIENT_SECRET and secret.version == 2, secret
    assert abs(time.time() - secret.created_at.seconds) < 600
    token = ask("IssueToken", grant())
    assert_token(token)
    assert ask("GetClientId", metadata=[("authorization", "Bearer " + token.access_token)]).client_id == CLIENT_ID


def x_request_id_comes_back():
    call = begin("GetClientId", metadata=ADMIN + [("x-request-id", "given.by-me_1")])
    assert dict(call.initial_metadata())["x-request-id"] == "given.by-me_1"


def gzip_both_ways():
    with grpc.insecure_channel(TARGET, compression=grpc.Compression.Gzip) as channel:
        assert_token(ask("IssueToken", dict(grant(), scope="api"), channel=channel))


def refusals():
    """The shared ones, in which "$NAME" is the environment's NAME."""

    def settled(value):
        if isinstance(value, dict):
            return {key: settled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [settled(each) for each in value]
        return os.environ[value[1:]] if isinstance(value, str) and value.startswith("$") else value

    with open(os.environ["REFUSALS"], encoding="utf-8") as file:
        for entry in settled(json.load(file)):
            metadata = list(entry.get("metadata", {}).items())
            if "bearer" in entry:
                metadata.append(("authorization", "Bearer " + entry["bearer"]))
            yield entry["reason"], entry["status"], entry["method"], entry.get("request", {}), metadata


def a_call_is_refused(reason, status, name, request, metadata):
    info = assert_refused(begin(name, request, [("x-request-id", "python-1")] + metadata), reason, status)
    assert info.metadata["request_id"] == "python-1", info


def unknown_methods_are_unimplemented():
    for path in ("/m2m.v1.M2MClients/NoSuchMethod", "/no.such.Service/GetClientId"):
        assert_refused(CHANNEL.unary_unary(path).future(b"", metadata=ADMIN, timeout=TIMEOUT), "unimplemented", 12)


def bytes_that_are_no_message_are_malformed():
    method = CHANNEL.unary_unary("/m2m.v1.M2MClients/IssueToken")
    for message in (b"\x0a\x7f", b"\xff", b"\x0a\x02\xff\xfe"):
        assert_refused(method.future(message, metadata=ADMIN, timeout=TIMEOUT), "malformed_message", 13)


def a_deadline_that_passes_is_deadline_exceeded():
    with issuing_waits():
        started = time.monotonic()
        assert refusal_of(begin("IssueToken", grant(), timeout=0.3)).code() == grpc.StatusCode.DEADLINE_EXCEEDED
        assert time.monotonic() - started < 2
    assert_token(ask("IssueToken", grant()))


def a_cancelled_call_leaves_the_gateway_well():
    with issuing_waits():
        call = begin("IssueToken", grant())
        time.sleep(0.3)
        assert call.cancel() and call.cancelled() and call.code() == grpc.StatusCode.CANCELLED
    assert_token(ask("IssueToken", grant()))


def a_client_killed_in_mid_call_leaves_the_gateway_well():
    with issuing_waits():
        with subprocess.Popen([sys.executable, __file__, "crowd"], stdout=subprocess.PIPE, text=True) as crowd:
            try:
                assert crowd.stdout.readline() == "under way\n"
                time.sleep(0.2)
            finally:
                crowd.kill()
    assert_token(ask("IssueToken", grant()))


def health_check_says_serving():
    for service in ("", M2M):
        assert ask("Check", {"service": service}, [], service=HEALTH).status == 1
    error = refusal_of(begin("Check", {"service": "no.such.Service"}, [], service=HEALTH))
    assert error.code() == grpc.StatusCode.NOT_FOUND, error


def health_watch_says_serving_and_stays():
    method, request = method_of(CHANNEL, HEALTH, "Watch")
    for service, status in (("", 1), (M2M, 1), ("no.such.Service", 3)):
        call = method(request(service=service), timeout=1)
        assert next(call).status == status
        try:
            raise AssertionError(next(call))
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error


def reflection_tells_services_and_files(version):
    method, request = method_of(CHANNEL, "grpc.reflection.%s.ServerReflection" % version, "ServerReflectionInfo")
    questions = [
        request(list_services="*"),
        request(file_containing_symbol="m2m.v1.M2MClients.RotateClientSecret"),
        request(file_by_filename="m2m/v1/m2m.proto"),
        request(file_containing_symbol="no.such.Symbol"),
    ]
    services, by_symbol, by_name, unknown = method(iter(questions), timeout=TIMEOUT)
    assert {service.name for service in services.list_services_response.service} == SERVICES, services
    names = [
        descriptor_pb2.FileDescriptorProto.FromString(file).name
        for answer in (by_symbol, by_name)
        for file in answer.file_descriptor_response.file_descriptor_proto
    ]
    assert names.count("m2m/v1/m2m.proto") == 2, names
    assert unknown.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0], unknown
    assert unknown.original_request == questions[3]


def rotation_ends_the_old_secret():
    metadata = ADMIN + [("idempotency-key", "python-1")]
    rotated = ask("RotateClientSecret", metadata=metadata)
    assert rotated.version == 3 and rotated.previous_secret_expires_at == rotated.rotated_at, rotated
    assert ask("RotateClientSecret", metadata=metadata) == rotated
    assert_refused(begin("IssueToken", grant()), "invalid_client", 16)
    assert_token(ask("IssueToken", grant(rotated.client_secret)))
    assert_refused(begin("RotateClientSecret", {"grace_seconds": 5}, metadata), "idempotency_key_reused", 9)


def main():
    results = [
        run(every_operation_answers),
        run(x_request_id_comes_back),
        run(gzip_both_ways),
        *(run(a_call_is_refused, *refusal, name="%s is refused with %s" % (refusal[2], refusal[0])) for refusal in refusals()),
        run(unknown_methods_are_unimplemented),
        run(bytes_that_are_no_message_are_malformed),
        run(a_deadline_that_passes_is_deadline_exceeded),
        run(a_cancelled_call_leaves_the_gateway_well),
        run(a_client_killed_in_mid_call_leaves_the_gateway_well),
        run(health_check_says_serving),
        run(health_watch_says_serving_and_stays),
        run(reflection_tells_services_and_files, "v1"),
        run(reflection_tells_services_and_files, "v1alpha"),
        run(rotation_ends_the_old_secret),
    ]
    return 0 if all(results) else 1


def crowd():
    calls = [begin("IssueToken", grant()) for _ in range(50)]
    time.sleep(0.3)
    print("under way", flush=True)
    for call in calls:
        call.result()


def watch():
    method, request = method_of(CHANNEL, HEALTH, "Watch")
    try:
        for answer in method(request()):
            print(answer.DESCRIPTOR.enum_types_by_name["ServingStatus"].values_by_number[answer.status].name, flush=True)
    except grpc.RpcError as error:
        print(error.code().name, flush=True)


if __name__ == "__main__":
    sys.exit({"crowd": crowd, "watch": watch}[sys.argv[1]]() if sys.argv[1:] else main())
