#!/usr/bin/python3
"""Authlib, as Debian ships it, as a client of the gateway: its requests session gets tokens and uses them.

tap.sh says what is printed, stack.sh what is in the environment.
"""

import os
import sys

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, JsonWebToken
from authlib.jose.errors import BadSignatureError
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from tap import run

# Authlib's own switch for servers without TLS, which here is somebody else's task.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

ISSUER = os.environ["M2M_URL"]
ALGORITHM = os.environ["M2M_SIGNING_ALG"]
CLIENT_ID = os.environ["M2M_CLIENT_ID"]
CLIENT_SECRET = os.environ["M2M_CLIENT_SECRET"]
ENDED_SECRET = os.environ["ENDED_SECRET"]

METHODS = ("client_secret_basic", "client_secret_post")


def get_json(url):
    response = requests.get(url, timeout=30)
    response.raise_for_status()
    return response.json()


def discover():
    return AuthorizationServerMetadata(get_json(get_well_known_url(ISSUER, external=True)))


def new_session(method=METHODS[0], secret=CLIENT_SECRET, **options):
    metadata = {"token_endpoint": discover().token_endpoint, "grant_type": "client_credentials"}
    return OAuth2Session(CLIENT_ID, secret, token_endpoint_auth_method=method, default_timeout=30, **metadata, **options)


def refusal_of(session):
    try:
        session.fetch_token()
    except OAuthError as error:
        return error.error
    raise AssertionError("a token was issued")


def metadata_is_found_and_valid():
    metadata = discover()
    metadata.validate()
    assert metadata.issuer == ISSUER
    assert set(METHODS) <= set(metadata.token_endpoint_auth_methods_supported)
    assert metadata.grant_types_supported == ["client_credentials"]


def a_token_opens_the_client_id(method):
    with new_session(method) as session:
        token = session.fetch_token()
        assert token["token_type"] == "Bearer" and token["expires_in"] == 86400 and not token.is_expired(), token
        response = session.get(ISSUER + "/m2m/client-id")
        assert response.status_code == 200 and response.json() == {"client_id": CLIENT_ID}, response.text


def an_ended_secret_is_invalid_client(method):
    with new_session(method, ENDED_SECRET) as session:
        assert refusal_of(session) == "invalid_client"


def a_scope_is_granted_or_refused():
    with new_session(scope="api") as session:
        assert session.fetch_token()["scope"] == "api"
    with new_session(scope="not-the-clients") as session:
        assert refusal_of(session) == "invalid_scope"


def an_expired_token_is_replaced_by_the_session():
    expired = {"access_token": "expired", "token_type": "Bearer", "expires_at": 1}
    with new_session(token=expired) as session:
        assert session.get(ISSUER + "/m2m/client-id").status_code == 200
        assert session.token["access_token"] != "expired"


def the_published_keys_verify_a_token():
    metadata = discover()
    keys = JsonWebKey.import_key_set(get_json(metadata.jwks_uri))
    jwt = JsonWebToken([ALGORITHM])
    options = {name: {"essential": True, "value": value} for name, value in (("iss", ISSUER), ("aud", "public-api"))}
    with new_session() as session:
        token = session.fetch_token()["access_token"]
    jwt.decode(token, keys, claims_options=options).validate()

    head, body, signature = token.split(".")
    tampered = ".".join((head, body, ("B" if signature[0] == "A" else "A") + signature[1:]))
    try:
        jwt.decode(tampered, keys)
    except BadSignatureError:
        return
    raise AssertionError("a tampered token was verified")


def main():
    tests = [
        (metadata_is_found_and_valid,),
        *((a_token_opens_the_client_id, method) for method in METHODS),
        *((an_ended_secret_is_invalid_client, method) for method in METHODS),
        (a_scope_is_granted_or_refused,),
        (an_expired_token_is_replaced_by_the_session,),
        (the_published_keys_verify_a_token,),
    ]
    results = [run(*test) for test in tests]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
