"""A provider, a gateway and a service, with what is registered there."""

import base64
import hashlib
import json
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from echo import Echo

PASSWORD = "correct horse battery"
RULES = pathlib.Path(__file__).with_name("gateway.toml")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(what, holds, seconds=20):
    """Waits until something is so."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what}: it did not come about"
        time.sleep(0.02)


def accepts(port):
    """Whether somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """A program with a log; it can be stopped and started again."""

    def __init__(self, folder, name, command, **environment):
        self.name, self.command = name, command
        self.environment = {**os.environ, **environment}
        self.log = folder / f"{name}.log"
        self.start()

    def start(self):
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                self.command, stdout=log, stderr=log, env=self.environment
            )

    def until(self, holds):
        """Waits until the program is ready; tells what it said if it ends before."""

        def ready():
            if self.running.poll() is not None:
                raise AssertionError(f"{self.name} ended: {self.log.read_text()[-2000:]}")
            return holds()

        eventually(f"{self.name} is ready", ready, seconds=60)

    def stop(self, with_signal=signal.SIGTERM):
        if self.running.poll() is None:
            self.running.send_signal(with_signal)
            try:
                self.running.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.running.kill()
                self.running.wait()


class World:
    """What every door stands in front of."""

    def __init__(self, menshen, folder):
        self.menshen, self.folder = menshen, folder
        self.echo = Echo()
        self.ports = {name: free_port() for name in ["issuer", "decisions", "proxy"]}
        self.issuer = f"http://127.0.0.1:{self.ports['issuer']}"
        self.processes = []
        self.provider = self.run(
            "provider",
            [menshen, "serve", "--data", folder / "data"],
            MENSHEN_LISTEN=f"127.0.0.1:{self.ports['issuer']}",
        )
        self.provider.until(lambda: is_ok(f"{self.issuer}/readyz"))
        self.register()
        self.gateway = self.run(
            "gateway", [menshen, "gateway", "--rules", self.rules(), "--log-level", "warn"]
        )
        self.gateway.until(self.gateway_is_ready)

    def run(self, name, command, **environment):
        process = Process(self.folder, name, command, **environment)
        self.processes.append(process)
        return process

    def gateway_is_ready(self):
        return is_ok(f"http://127.0.0.1:{self.ports['decisions']}/readyz")

    def register(self):
        self.operator("user", "add", "ada", "--password-stdin", stdin=PASSWORD)
        self.operator("user", "digest", "ada", "--password-stdin", stdin=PASSWORD)
        self.operator(
            *["client", "add", "shop", "--public", "--first-party", "--audience", "orders"],
            *["--scope", "orders:read orders:write"],
        )
        said = self.operator(
            *["client", "add", "edge", "--first-party", "--audience", "orders"],
            *["--scope", "gateway revocations:read openid orders:read"],
            *["--redirect-uri", "https://api.example.com/.menshen/callback"],
        )
        secret = said.split("client secret")[1].split()[0]
        (self.folder / "edge.secret").write_text(secret)

    def register_doors(self, doors):
        """Lets browsers come back to these doors after they have signed in."""
        origins = [f"https://api.example.com:{door.port}" for door in doors if door.tls]
        addresses = [f"{origin}/.menshen/callback" for origin in origins]
        if addresses:
            flags = [flag for address in addresses for flag in ("--redirect-uri", address)]
            self.operator("client", "change", "edge", *flags)

    def operator(self, *command, stdin=None):
        """Does what an operator does."""
        command = [self.menshen, *command, "--data", self.folder / "data"]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rules(self):
        text = RULES.read_text()
        for name, value in {
            "ISSUER": self.issuer,
            "DECISIONS": self.ports["decisions"],
            "PROXY": self.ports["proxy"],
            "ECHO": self.echo.port,
            "FOLDER": self.folder,
        }.items():
            text = text.replace(f"${name}", str(value))
        path = self.folder / "gateway.toml"
        path.write_text(text)
        return path

    def sign_in(self, scope="orders:read"):
        """Signs Ada in, and returns an access token and the claims in it."""
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        code = self.post(
            "/authorize-challenge",
            client_id="shop",
            scope=scope,
            username="ada",
            password=PASSWORD,
            code_challenge=challenge,
            code_challenge_method="S256",
        )["authorization_code"]
        tokens = self.post(
            "/token",
            grant_type="authorization_code",
            client_id="shop",
            code=code,
            code_verifier=verifier,
        )
        part = tokens["access_token"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return tokens["access_token"], claims

    def log_out(self, token):
        self.post("/account/logout", token=token)

    def post(self, path, **form):
        data = urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(self.issuer + path, data, timeout=20) as answer:
            text = answer.read()
        return json.loads(text) if text else {}

    def stop(self):
        for process in reversed(self.processes):
            process.stop()
        self.echo.stop()


def is_ok(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
