"""A page of the guide: its fenced blocks, in order, and what each of them is for."""

import re
from dataclasses import dataclass
from pathlib import Path

# The ports that the pages speak of, and may be taken where they are checked.
ISSUER_PORT = "8080"
APP_PORT = "3000"

NAME_IN_COMMENT = re.compile(r"^(?://|#|<!--) *([\w.-]+\.[a-z]+)(?: *-->)?$")
PRESS = re.compile(r'^<!-- press "(.+)" -->$')
FILES = {"js", "python", "html", "toml", "json"}


@dataclass
class Block:
    """A block, or a button to be pressed."""

    kind: str  # run, start, file, expect, press, read
    text: str
    line: int
    name: str = ""


@dataclass
class Page:
    path: Path
    blocks: list

    @classmethod
    def read(cls, path):
        blocks, fence = [], None
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            if fence is None:
                if pressed := PRESS.match(line):
                    blocks.append(Block("press", pressed[1], number))
                elif line.startswith("```"):
                    fence = (line[3:].split(), number, [])
            elif line.startswith("```"):
                info, begin, lines = fence
                blocks.append(block(info, lines, begin + 1))
                fence = None
            else:
                fence[2].append(line)
        mark_expectations(blocks)
        return cls(path, blocks)

    def file(self, name):
        """The text of a file that the page shows."""
        return next((b.text for b in self.blocks if b.kind == "file" and b.name == name), None)


def block(info, lines, line):
    language, notes = (info or [""])[0], info[1:]
    text = "\n".join(lines) + "\n"
    if language == "sh":
        kind = "read" if "read" in notes else "start" if "background" in notes else "run"
        return Block(kind, text, line)
    named = NAME_IN_COMMENT.match(lines[0]) if lines else None
    if language in FILES and named:
        return Block("file", text, line, named[1])
    return Block("expect" if language in {"text", "json"} else "read", text, line)


def mark_expectations(blocks):
    """What a command prints stands right after it; elsewhere it is there to be read."""
    before = "read"
    for each in blocks:
        if each.kind == "expect" and before not in {"run", "press"}:
            each.kind = "read"
        before = each.kind


def matches(expected, output):
    """Whether all of it is there, in this order; `...` stands for anything, and spaces for any."""
    parts = [part.split() for part in re.split(r"\.\.\.", expected)]
    pattern = r".*?".join(r"\s*".join(map(spaced, words)) for words in parts)
    return re.search(pattern, output, re.DOTALL) is not None


def spaced(word):
    """JSON may be printed with or without spaces."""
    pieces = re.split(r'(?<=[{\[,:"])|(?=[}\]])', word)
    return r"\s*".join(re.escape(piece) for piece in pieces)
