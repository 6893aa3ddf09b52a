"""PyPI `requests-oauthlib`, which knows OAuth and not OpenID Connect: a command-line tool that
keeps no secret and is redirected to a port of its own; ID tokens are checked with `joserfc`."""

import os
from urllib.parse import urlencode

import requests
from joserfc import jwk, jwt
from oauthlib.oauth2 import InvalidGrantError, TokenExpiredError
from requests_oauthlib import OAuth2Session

from place import DISCOVERY, ISSUER, add_client, end, refused, story
from walker import Walker

CLIENT = "requests-oauthlib"
# Registered without a port: it takes whichever is free (RFC 8252 section 7.3).
CALLBACK = "http://127.0.0.1:51004/callback"
GOODBYE = "http://127.0.0.1:51004/goodbye"
# The callback of a native app is plain HTTP on its own machine.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"


def check_id_token(metadata, token):
    """What OpenID Connect Core 1.0 section 3.1.3.7 asks for."""
    keys = jwk.KeySet.import_key_set(requests.get(metadata["jwks_uri"]).json())
    claims = jwt.decode(token, keys, algorithms=["RS256"]).claims
    essential = {"essential": True}
    jwt.JWTClaimsRegistry(
        iss={**essential, "value": ISSUER}, aud={**essential, "value": CLIENT}, exp=essential
    ).validate(claims)
    return claims


with story("requests-oauthlib, a command-line tool") as kept:
    add_client(
        CLIENT,
        *["--public", "--redirect-uri", "http://127.0.0.1/callback"],
        *["--post-logout-redirect-uri", GOODBYE, "--scope", "openid profile"],
    )
    metadata = requests.get(DISCOVERY).json()
    scope = ["openid", "profile"]
    tool = OAuth2Session(CLIENT, redirect_uri=CALLBACK, scope=scope, pkce="S256")
    browser = Walker()

    def sign_in():
        url, _ = tool.authorization_url(metadata["authorization_endpoint"])
        back = browser.sign_in(url)
        return tool.fetch_token(
            metadata["token_endpoint"], authorization_response=back, include_client_id=True
        )

    def refresh(token):
        return tool.refresh_token(metadata["token_endpoint"], token, client_id=CLIENT)

    first = sign_in()
    claims = check_id_token(metadata, first["id_token"])
    kept("signs in by code and PKCE, and finds the ID token good")

    person = tool.get(metadata["userinfo_endpoint"]).json()
    assert person["sub"] == claims["sub"] and person["name"] == "Ada Lovelace", person
    kept("asks who has signed in")

    fresh = refresh(first["refresh_token"])
    assert fresh["refresh_token"] != first["refresh_token"]
    assert tool.get(metadata["userinfo_endpoint"]).status_code == 200
    kept("refreshes, and gets another refresh token")

    before = browser.clone()
    hint = {"id_token_hint": first["id_token"], "post_logout_redirect_uri": GOODBYE}
    goodbye = browser.sign_out(f"{metadata['end_session_endpoint']}?{urlencode(hint)}")
    assert goodbye == GOODBYE, getattr(goodbye, "html", goodbye)
    kept("signs out, and the browser comes back to it")

    refused(lambda: refresh(fresh["refresh_token"]), InvalidGrantError, "invalid_grant")
    assert tool.get(metadata["userinfo_endpoint"]).status_code == 401
    silent, _ = tool.authorization_url(metadata["authorization_endpoint"], prompt="none")
    assert before.error_of(silent) == "login_required"
    kept("and everything it held is worthless")

    again = sign_in()
    body = {"token": again["refresh_token"], "client_id": CLIENT}
    assert requests.post(metadata["revocation_endpoint"], data=body).status_code == 200
    refused(lambda: refresh(again["refresh_token"]), InvalidGrantError, "invalid_grant")
    assert tool.get(metadata["userinfo_endpoint"]).status_code == 401
    kept("signs in again, and revokes what it holds")

end()
