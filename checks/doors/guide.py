"""The configurations that the guides show, as files."""

import pathlib
import re

GUIDES = pathlib.Path(__file__).parents[2] / "docs" / "guide"


def block(page, name):
    """The block of a guide whose first line is a comment with this file's name."""
    text = (GUIDES / page).read_text()
    for found in re.findall(r"(?ms)^```\w*\n(.*?)^```$", text):
        if re.match(rf"# {re.escape(name)}\n", found):
            return found
    raise LookupError(f"{page} shows no {name}")


def replaced(text, exchange):
    """Exchanges what is of this run; all of it must be there."""
    for old, new in exchange.items():
        assert old in text, f"the guide no longer says {old!r}"
        text = text.replace(old, new)
    return text
