"""PyPI `Authlib`: a web app made with Flask, as Authlib's documentation has it."""

from urllib.parse import urlsplit

import flask
import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.flask_client import OAuth
from authlib.integrations.requests_client import OAuth2Session

from place import DISCOVERY, add_client, end, refused, story
from walker import Walker

HERE = "https://authlib.example"
SCOPE = "openid profile email"


def web_app(client_id, secret):
    """The app that is tested; all of it."""
    app = flask.Flask(client_id)
    app.secret_key = "what its own cookie is signed with"
    menshen = OAuth(app).register(
        "menshen",
        client_id=client_id,
        client_secret=secret,
        server_metadata_url=DISCOVERY,
        client_kwargs={"scope": SCOPE, "code_challenge_method": "S256"},
    )

    @app.get("/login")
    def login():
        return menshen.authorize_redirect(f"{HERE}/callback")

    @app.get("/callback")
    def callback():
        # Checks `state`, redeems the code, and checks the ID token and its nonce.
        token = menshen.authorize_access_token()
        app.tokens = token
        flask.session["id_token"] = token["id_token"]
        # The ID token says who it is; what is known of them is asked for.
        person = menshen.userinfo(token=token)
        assert person["sub"] == token["userinfo"]["sub"]
        return person

    @app.get("/logout")
    def logout():
        return menshen.logout_redirect(f"{HERE}/goodbye", flask.session.pop("id_token"))

    @app.get("/goodbye")
    def goodbye():
        menshen.validate_logout_response()
        return "Goodbye"

    return app, menshen


def path_of(url):
    """The part of an address of the app that its test client takes."""
    assert isinstance(url, str) and url.startswith(HERE), getattr(url, "html", url)
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


with story("Authlib, a web app with Flask") as kept:
    secret = add_client(
        "authlib-web",
        *["--redirect-uri", f"{HERE}/callback", "--post-logout-redirect-uri", f"{HERE}/goodbye"],
        *["--auth-method", "client_secret_basic", "--scope", SCOPE, "--require-pkce"],
    )
    app, menshen = web_app("authlib-web", secret)
    visitor, browser = app.test_client(), Walker()

    back = browser.sign_in(visitor.get("/login").location)
    person = visitor.get(path_of(back)).json
    assert person["email"] == "ada@example.com", person
    kept("signs in by code and PKCE, finds the ID token good, and asks who that is")

    metadata = menshen.load_server_metadata()
    session = OAuth2Session("authlib-web", secret, scope=SCOPE)

    def refresh(token):
        return session.refresh_token(metadata["token_endpoint"], token)

    def introspect(token):
        answer = session.introspect_token(metadata["introspection_endpoint"], token)
        return answer.json()

    def userinfo(token):
        headers = {"Authorization": f"Bearer {token}"}
        return requests.get(metadata["userinfo_endpoint"], headers=headers).status_code

    first = app.tokens
    fresh = refresh(first["refresh_token"])
    assert fresh["refresh_token"] != first["refresh_token"]
    assert fresh["access_token"] != first["access_token"]
    kept("refreshes, and gets another refresh token")

    assert introspect(fresh["access_token"])["active"] is True
    kept("introspects its access token")

    before = browser.clone()
    goodbye = browser.sign_out(visitor.get("/logout").location)
    assert visitor.get(path_of(goodbye)).text == "Goodbye"
    kept("signs out, and the browser comes back to it")

    refused(lambda: refresh(fresh["refresh_token"]), OAuthError, "invalid_grant")
    assert userinfo(fresh["access_token"]) == 401
    assert introspect(fresh["access_token"])["active"] is False
    silent = visitor.get("/login").location + "&prompt=none"
    assert before.error_of(silent) == "login_required"
    kept("and everything it held is worthless")

    back = browser.sign_in(visitor.get("/login").location)
    visitor.get(path_of(back))
    again = app.tokens
    answer = session.revoke_token(metadata["revocation_endpoint"], again["refresh_token"])
    assert answer.status_code == 200, answer.text
    refused(lambda: refresh(again["refresh_token"]), OAuthError, "invalid_grant")
    assert userinfo(again["access_token"]) == 401
    kept("signs in again, and revokes what it holds")

end()
