"""Who reads a guide: a shell to type into, and a browser to look at."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
LONGEST_COMMAND = 180


class Failure(Exception):
    """What went otherwise than the page says."""


class Waiting:
    """For something that takes a while, but not for ever."""

    def __init__(self, seconds):
        self.deadline = time.monotonic() + seconds

    def goes_on(self):
        return time.monotonic() < self.deadline


class Started:
    """A program that was left running."""

    def __init__(self, process, log):
        self.process, self.log = process, log

    def _until(self, ready):
        waiting = Waiting(60)
        while not ready():
            if self.process.poll() is not None:
                raise Failure(f"it ended at once:\n{self.log.read_text()}")
            if not waiting.goes_on():
                raise Failure(f"it does not get ready:\n{self.log.read_text()}")
            time.sleep(0.1)

    def until_it_speaks(self):
        self._until(lambda: self.log.stat().st_size > 0)

    def until_port(self, port):
        def taken():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", int(port))) == 0

        self._until(taken)

    def stop(self):
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)


class Shell:
    """A shell that keeps its variables from one block to the next."""

    def __init__(self, folder, environment):
        self.folder, self.environment = folder, environment
        self.started = []
        self.state = folder / ".state"
        self.state.touch()

    def _spawn(self, script, log):
        begin = f"set -euo pipefail\nsource {self.state} 2>/dev/null || true\n"
        with log.open("wb") as output:
            return subprocess.Popen(
                ["bash", "--noprofile", "--norc", "-c", begin + script],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, text):
        log = self.folder / ".output"
        # Variables and functions, but not what belongs to the shell itself.
        keep = f"\n{{ declare -p | grep -vE '^declare -[a-zA-Z]*[rAa]'; declare -f; }} >{self.state}\n"
        process = self._spawn(text + keep, log)
        try:
            code = process.wait(LONGEST_COMMAND)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            code = "too late"
        output = log.read_text(errors="replace")
        if code != 0:
            raise Failure(f"the command fails ({code}):\n\n{text}\n{output}")
        return output

    def start(self, text, name):
        log = self.folder / f"{name}.log"
        self.started.append(Started(self._spawn(text, log), log))
        return self.started[-1]

    def last_words(self):
        """The ends of what the programs said that were left running."""
        tails = ((each.log.name, each.log.read_text(errors="replace")) for each in self.started)
        return "\n".join(f"--- {name}\n{text[-2000:]}" for name, text in tails)

    def stop(self):
        for each in reversed(self.started):
            each.stop()


class Browser:
    """Chromium, in a process of its own."""

    def __init__(self, issuer, password, log):
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                ["node", HERE / "browser.js"],
                env={**os.environ, "ISSUER": issuer, "USERNAME": "ada", "PASSWORD": password},
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        port = self.process.stdout.readline().strip()
        if not port:
            raise Failure(f"the browser does not start:\n{log.read_text()}")
        self.url = f"http://127.0.0.1:{port}"

    def command(self, address):
        return f'curl -sS --fail-with-body --data-raw "{address}" {self.url}/open'

    def ask(self, path, body=None):
        data = None if body is None else body.encode()
        try:
            with urllib.request.urlopen(self.url + path, data, timeout=60) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            raise Failure(f"in the browser: {error.read().decode()}") from None

    def look(self, *, again):
        """What is shown, after loading it again or without."""
        return self.ask("/reload", "") if again else self.ask("/")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
