"""OpenAPI Generator's Python client against the running gateway: what the Go and the Java client do too. tap.sh says what is printed."""

import os
import sys

import m2m_client
from m2m_client import exceptions

ADMIN, PLATFORM = os.environ["M2M_ADMIN_TOKEN"], os.environ["PLATFORM_TOKEN"]


def api(make, token=None):
    # the server is the document's own: the gateway's public URL
    configuration = m2m_client.Configuration(access_token=token)
    return make(m2m_client.ApiClient(configuration))


def issue(client_id, secret):
    return api(m2m_client.OAuthApi).oauth_token(
        grant_type=m2m_client.GrantType.CLIENT_CREDENTIALS, client_id=client_id, client_secret=secret)


def reads_and_rotates():
    m2m = api(m2m_client.M2MClientApi, ADMIN)
    client_id = m2m.get_client_id().client_id
    old = m2m.get_client_secret()
    assert old.client_id == client_id
    assert issue(client_id, old.client_secret).token_type == "Bearer"
    request = m2m_client.TokenRequest(
        grant_type=m2m_client.GrantType.CLIENT_CREDENTIALS, client_id=client_id, client_secret=old.client_secret)
    assert m2m.issue_token(request).expires_in == 86400
    new = m2m.rotate_secret(rotate_request=m2m_client.RotateRequest(grace_seconds=0))
    assert new.version == old.version + 1
    try:
        issue(client_id, old.client_secret)
        raise AssertionError("the ended secret was taken")
    except exceptions.UnauthorizedException as error:
        assert "invalid_client" in error.body
    assert m2m.list_token_audit(client_id=client_id, page_size=1).tokens[0].client_id == client_id


def administers():
    operator = api(m2m_client.OperatorApi, PLATFORM)
    client = m2m_client.ClientSpec(scopes=["a", "b"], audiences=["x"], roles=["member"], token_lifetime=600)
    made = operator.create_organization(m2m_client.OrganizationSpec(slug="python", client=client))
    assert any(o.slug == "python" for o in operator.list_organizations(page_size=100).organizations)
    changed = operator.update_client("python", made.client_id, m2m_client.ClientChange(name="renamed", default=True))
    assert (changed.name, changed.token_lifetime, changed.scopes) == ("renamed", 600, ["a", "b"]), changed
    changed = operator.update_client("python", made.client_id, m2m_client.ClientChange(token_type="at+jwt"))
    assert changed.token_type == "at+jwt"
    changed = operator.update_client("python", made.client_id, m2m_client.ClientChange(token_type=None))
    assert changed.token_type is None
    operator.delete_organization("python")


def reads_the_documents():
    discovery = api(m2m_client.DiscoveryApi)
    assert discovery.jwks().keys[0].actual_instance.alg == os.environ["M2M_SIGNING_ALG"]
    assert discovery.openid_metadata().issuer == os.environ["M2M_ISSUER"]


for test in (reads_and_rotates, administers, reads_the_documents):
    try:
        test()
        print(f"ok - {test.__name__}")
    except Exception as error:  # each failure is one line of TAP, whatever it is
        print(f"{type(error).__name__}: {error}")
        print(f"not ok - {test.__name__}")
        sys.exit(1)
