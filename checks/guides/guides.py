"""Runs the guides as they are written: `guides.py MENSHEN PAGE...`.

Each page gets a folder, a server, a shell and a browser of its own. Blocks marked `sh` are run,
those marked `sh background` left running; a block whose first line is a comment with a file's name
is written to that file; a `text` or `json` block right after a command is what it must print. In a
line `name=...` the reader pastes what was printed last under that name, and so do we.
"""

import os
import re
import socket
import sys
import tempfile
import time
from pathlib import Path

from page import APP_PORT, ISSUER_PORT, Page, matches
from reader import Browser, Failure, Shell, Waiting

PASSWORD = "correct horse battery"
PASTED = {
    "secret": r"client secret\s+(\S+)",
    "address": r"(?m)^(\S+:\S*\?\S+)$",
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


class Run:
    """One page, from its first block to its last."""

    def __init__(self, menshen, page, folder):
        self.page, self.folder = page, Path(folder)
        self.ports = {ISSUER_PORT: free_port(), APP_PORT: free_port()}
        self.issuer = f"http://127.0.0.1:{self.ports[ISSUER_PORT]}"
        self.output, self.everything, self.done = "", "", 0
        self.looking = False  # whether the output is what a browser shows
        self.browser = Browser(self.issuer, PASSWORD, self.folder / "browser.log")
        self.shell = Shell(self.folder, self.environment(menshen))

    def environment(self, menshen):
        """The programs that the pages call, and a browser that we can watch."""
        programs = self.folder / "programs"
        programs.mkdir()
        (programs / "menshen").symlink_to(menshen)
        opener = programs / "xdg-open"
        opener.write_text(f'#!/bin/sh\nexec {self.browser.command("$1")}\n')
        opener.chmod(0o755)
        return {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "BROWSER": f"{opener} %s &",
            "MENSHEN_LISTEN": self.issuer.removeprefix("http://"),
            "PYTHONUNBUFFERED": "1",
            "XDG_CONFIG_HOME": str(self.folder / "settings"),
            "NO_UPDATE_NOTIFIER": "1",
        }

    def substituted(self, text):
        for port, ours in self.ports.items():
            text = re.sub(rf"(?<!\d){port}(?!\d)", ours, text)
        return re.sub(r"(?m)^((?:export )?)(\w+)=\.\.\.$", self.pasted, text)

    def pasted(self, line):
        pattern = PASTED.get(line[2], rf'"{line[2]}":\s*"([^"]+)"')
        found = re.findall(pattern, self.everything)
        if not found:
            raise Failure(f"nothing was printed that could be pasted as {line[2]}")
        return f"{line[1]}{line[2]}='{found[-1]}'"

    def start_server(self):
        if settings := self.page.file("menshen.toml"):
            (self.folder / "menshen.toml").write_text(self.substituted(settings))
        server = self.shell.start("menshen serve", "server")
        server.until_port(self.ports[ISSUER_PORT])
        self.shell.run(
            f"printf %s '{PASSWORD}' | menshen user add ada --password-stdin"
            " --claim 'name=Ada Lovelace' --claim email=ada@example.com"
        )

    def all_blocks(self):
        self.start_server()
        for block in self.page.blocks:
            try:
                self.one(block)
            except Failure as failure:
                raise Failure(f"{self.page.path}:{block.line}: {failure}") from None

    def one(self, block):
        if block.kind == "read":
            return
        text = self.substituted(block.text)
        match block.kind:
            case "file":
                (self.folder / block.name).write_text(text)
            case "run":
                self.say(self.shell.run(text), looking="xdg-open" in text)
            case "start":
                self.shell.start(text, f"line-{block.line}").until_it_speaks()
            case "press":
                self.say(self.browser.ask("/press", text), looking=True)
            case "expect":
                self.expect(text)
        self.done += 1

    def say(self, output, *, looking):
        self.output, self.looking = output, looking
        self.everything += output

    def expect(self, text):
        # A page may have to fetch something before it shows it, and wait for news.
        waiting, looks = Waiting(15), 0
        while not matches(text, self.output):
            if not (self.looking and waiting.goes_on()):
                raise Failure(f"expected\n\n{text}\nbut got\n\n{self.output}")
            time.sleep(0.2)
            looks += 1
            self.say(self.browser.look(again=looks % 10 == 0), looking=True)

    def stop(self):
        self.shell.stop()
        self.browser.stop()


def main(menshen, paths):
    broken = 0
    for path in map(Path, paths):
        page = Page.read(path)
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="menshen-guides.") as folder:
            run = Run(Path(menshen).resolve(), page, folder)
            try:
                run.all_blocks()
                seconds = time.monotonic() - started
                left = sum(block.kind == "read" for block in page.blocks)
                print(f"✓ {path}: {run.done} blocks, {left} only to be read, {seconds:.0f} s")
            except Failure as failure:
                broken += 1
                print(f"✗ {failure}")
                print(run.shell.last_words())
            finally:
                run.stop()
            sys.stdout.flush()
    sys.exit(broken > 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
