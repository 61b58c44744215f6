#!/usr/bin/python3
"""Authlib, as Debian ships it, authenticates with a key of the client (private_key_jwt), which this makes and m2mctl registers.

tap.sh says what is printed, stack.sh what is in the environment; m2mctl is in the PATH.
"""

import base64
import json
import os
import subprocess
import sys
import time

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from tap import run

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

ISSUER = os.environ["M2M_URL"]
CLIENT_ID = os.environ["M2M_CLIENT_ID"]
METHOD = "private_key_jwt"


def m2mctl(*words, given=None):
    run = subprocess.run(["m2mctl", *words, "--output", "json"], input=given, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(run.stdout)


def register(key):
    add = ("client", "key", "add", "--client", CLIENT_ID, "--key", "-", "--name", "authlib")
    return m2mctl(*add, given=key.as_json(is_private=False))["credential_id"]


def discover():
    response = requests.get(get_well_known_url(ISSUER, external=True), timeout=30)
    response.raise_for_status()
    return AuthorizationServerMetadata(response.json())


def new_session(server, key):
    return OAuth2Session(
        CLIENT_ID,
        key.as_pem(is_private=True),
        token_endpoint=server.token_endpoint,
        token_endpoint_auth_method=METHOD,
        grant_type="client_credentials",
        default_timeout=30,
    )


def authentication(aud, lifetime):
    """Its first parameter is the aud. Its own exp is an hour away; and the claims that it is given keep their jti, so that each
    request needs new ones."""
    return PrivateKeyJWT(aud, claims={"exp": int(time.time()) + lifetime}, alg="ES256")


def refusal_of(session):
    try:
        session.fetch_token()
    except OAuthError as error:
        return error.error, error.description
    raise AssertionError("a token was issued")


def row_of(token):
    claims = token.split(".")[1]
    jti = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["jti"]
    return m2mctl("audit", "tokens", "--jti", jti)[0]


def an_assertion_gets_a_token_that_opens_the_client_id(server, key, credential):
    assert METHOD in server.token_endpoint_auth_methods_supported
    with new_session(server, key) as session:
        for _ in range(2):
            session.register_client_auth_method(authentication(ISSUER, 60))
            token = session.fetch_token()["access_token"]
            response = session.get(ISSUER + "/m2m/client-id")
            assert response.status_code == 200 and response.json() == {"client_id": CLIENT_ID}, response.text
            row = row_of(token)
            assert (row["auth_method"], row["credential"]) == (METHOD, credential), row


def the_token_endpoint_as_aud_is_invalid_client(server, key, _):
    with new_session(server, key) as session:
        session.register_client_auth_method(authentication(None, 60))
        error, why = refusal_of(session)
        assert error == "invalid_client" and "aud must be the issuer identifier" in why, why


def an_hour_is_too_long(server, key, _):
    with new_session(server, key) as session:
        session.register_client_auth_method(PrivateKeyJWT(ISSUER, alg="ES256"))
        error, why = refusal_of(session)
        assert error == "invalid_client" and "unreasonably far" in why, why


def claims_that_are_kept_are_a_replay(server, key, _):
    with new_session(server, key) as session:
        session.register_client_auth_method(authentication(ISSUER, 60))
        session.fetch_token()
        error, why = refusal_of(session)
        assert error == "invalid_client" and "used before" in why, why


def new_key():
    """One whose coordinates have 32 bytes each: one in 120 is written without a leading zero, which RFC 7518 wants and m2mctl insists on."""
    while True:
        key = JsonWebKey.generate_key("EC", "P-256", is_private=True)
        if all(len(key.as_dict()[coordinate]) == 43 for coordinate in "xy"):
            return key


def main():
    key = new_key()
    given = (discover(), key, register(key))
    tests = (
        an_assertion_gets_a_token_that_opens_the_client_id,
        the_token_endpoint_as_aud_is_invalid_client,
        an_hour_is_too_long,
        claims_that_are_kept_are_a_replay,
    )
    results = [run(test, *given, name=METHOD + ": " + test.__name__.replace("_", " ")) for test in tests]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
