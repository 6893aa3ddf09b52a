"""The server under test, what is registered there, and how promises are told."""

import contextlib
import os
import re
import subprocess
import sys
import traceback

ISSUER = os.environ["INTEROP_ISSUER"]
DISCOVERY = ISSUER + "/.well-known/openid-configuration"
FOLDER = os.environ["INTEROP_FOLDER"]
CA = os.environ["INTEROP_CA"]
USERNAME = "ada"
PASSWORD = os.environ["INTEROP_PASSWORD"]

# What `requests`, and so every client here, trusts.
os.environ["REQUESTS_CA_BUNDLE"] = CA


def add_client(client_id, *flags):
    """Registers a client as an operator does, and returns its secret, if it has one."""
    program, config = os.environ["INTEROP_MENSHEN"], os.environ["INTEROP_CONFIG"]
    command = [program, "client", "add", client_id, "--config", config, *flags]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    secret = re.search(r"client secret\s+(\S+)", said)
    return secret and secret.group(1)


@contextlib.contextmanager
def story(client):
    """Tells a story: `kept` prints a promise that was kept; what is raised breaks the next one."""
    last = "nothing"

    def kept(promise):
        nonlocal last
        last = promise
        print(f"✓ {client}: {promise}", flush=True)

    try:
        yield kept
    except Exception:  # whatever it is, the promise was not kept
        print(f'✗ {client}: after "{last}"')
        traceback.print_exc(file=sys.stdout)
        broken.append(client)


broken = []


def end():
    """The exit code says whether every promise was kept."""
    sys.exit(1 if broken else 0)


def refused(attempt, kind, code):
    """What must be refused, with which code."""
    try:
        answer = attempt()
    except kind as error:
        assert error.error == code, error
    else:
        raise AssertionError(f"it was answered: {answer}")
