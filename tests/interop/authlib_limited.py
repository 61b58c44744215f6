#!/usr/bin/python3
"""Authlib at a gateway that gives a client one token a second: what it makes of 429, and that obeying Retry-After is enough.

tap.sh says what is printed, stack.sh what is in the environment.
"""

import os
import sys
import time
import traceback

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

ENDPOINT = os.environ["M2M_URL"] + "/oauth2/token"
NAME = "the limit is an OAuthError that passes when Retry-After is obeyed"


def obeys():
    waits = []

    def note(response):
        if response.status_code == 429:
            waits.append(int(response.headers["Retry-After"]))
        return response

    with OAuth2Session(os.environ["M2M_CLIENT_ID"], os.environ["M2M_CLIENT_SECRET"], grant_type="client_credentials", default_timeout=30) as session:
        session.register_compliance_hook("access_token_response", note)
        try:
            while True:
                session.fetch_token(ENDPOINT)
        except OAuthError as error:
            assert error.error == "temporarily_unavailable", error
            assert error.description, error
        assert len(waits) == 1 and waits[0] >= 1, waits
        time.sleep(waits[0])
        assert session.fetch_token(ENDPOINT)["token_type"] == "Bearer"


if __name__ == "__main__":
    try:
        obeys()
    except Exception:
        print(traceback.format_exc(), end="")
        print("not ok - " + NAME)
        sys.exit(1)
    print("ok - " + NAME)
