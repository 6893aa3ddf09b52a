"""Debian's Apache with `libapache2-mod-auth-openidc`: a page is behind a sign-in, and a logout,
wherever it begins, puts it there again."""

import os
import pathlib
import secrets
import socket
import subprocess
import sys
import time
from urllib.parse import quote, urlencode, urljoin

import requests

sys.path.append(str(pathlib.Path(__file__).parents[1] / "python"))
from place import CA, DISCOVERY, FOLDER, ISSUER, add_client, end, story
from walker import Page, Walker


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


PORT = free_port()
HERE = f"https://localhost:{PORT}"
CALLBACK = f"{HERE}/protected/redirect_uri"
PAGE = f"{HERE}/protected/"
HOME = pathlib.Path(FOLDER)


def start_apache(secret):
    pages = HOME / "pages" / "protected"
    pages.mkdir(parents=True)
    (pages / "index.html").write_text("Only for those who have signed in")
    (pages.parent / "index.html").write_text("For everybody")
    template = pathlib.Path(__file__).with_name("apache.conf").read_text()
    configuration = HOME / "apache.conf"
    configuration.write_text(
        template.format(
            folder=HOME, port=PORT, issuer=ISSUER, secret=secret, passphrase=secrets.token_hex(16)
        )
    )
    if os.getuid() == 0:
        # Apache's workers give up being root, and then read what belongs to `nobody`.
        with configuration.open("a") as more:
            more.write("User nobody\nGroup nogroup\n")
        HOME.chmod(0o755)
    command = ["/usr/sbin/apache2", "-f", str(configuration), "-DFOREGROUND"]
    apache = subprocess.Popen(command)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and apache.poll() is None:
        try:
            requests.get(HERE, verify=CA, timeout=5)
            return apache
        except requests.ConnectionError:
            time.sleep(0.05)
    apache.kill()
    raise AssertionError((HOME / "apache.log").read_text())


class Visitor:
    """A browser that goes to Apache, to the provider, and back."""

    def __init__(self):
        self.walker = Walker()
        self.http = requests.Session()

    def get(self, url):
        """What Apache answers, after the redirects among its own pages; or where it leads."""
        while url.startswith(HERE):
            answer = self.http.get(url, verify=CA, allow_redirects=False)
            if "location" not in answer.headers:
                return answer
            url = urljoin(url, answer.headers["location"])
        return url

    def visit(self, url):
        """Opens a page, signing in if need be."""
        answer = self.get(url)
        return self.get(self.walker.sign_in(answer)) if isinstance(answer, str) else answer

    def is_signed_in(self):
        """Apache shows the page, and does not send us to sign in."""
        answer = self.get(PAGE)
        return not isinstance(answer, str) and answer.status_code == 200


def eventually(holds):
    """Waits until something is so, which the back channel has yet to bring about."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


with story("Apache with mod_auth_openidc") as kept:
    secret = add_client(
        "apache",
        *["--redirect-uri", CALLBACK, "--post-logout-redirect-uri", f"{HERE}/"],
        *["--backchannel-logout-uri", f"{CALLBACK}?logout=backchannel"],
        *["--auth-method", "client_secret_basic", "--scope", "openid profile email"],
    )
    apache = start_apache(secret)
    try:
        visitor = Visitor()
        page = visitor.visit(PAGE)
        assert page.text == "Only for those who have signed in", page.text
        assert page.headers["x-signed-in-as"] == "Ada Lovelace", page.headers
        kept("signs in who opens the page, and knows their name")

        before = visitor.walker.clone()
        goodbye = visitor.get(f"{CALLBACK}?logout={quote(HERE + '/')}")
        back = visitor.walker.sign_out(goodbye)
        assert not isinstance(back, Page), back.html
        assert visitor.get(back).text == "For everybody"
        assert not visitor.is_signed_in()
        kept("signs out, and the browser comes back to it")

        question = visitor.get(PAGE)
        assert before.error_of(f"{question}&prompt=none") == "login_required"
        kept("and the cookies that the browser had are worthless")

        visitor.visit(PAGE)
        assert visitor.is_signed_in()
        other = Visitor()
        other.visit(PAGE)
        metadata = requests.get(DISCOVERY).json()
        page = visitor.walker.sign_out(metadata["end_session_endpoint"])
        assert isinstance(page, Page)
        eventually(lambda: not visitor.is_signed_in())
        kept("is told of a logout elsewhere by the back channel, and asks for a sign-in again")
        assert other.is_signed_in()
        kept("and leaves others alone")
    finally:
        apache.terminate()
        apache.wait(20)

end()
