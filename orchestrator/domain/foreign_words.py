"""What an outside system has said of an error, as it may be shown to whoever administers that system.

The border: our own words (`str()` of an error) are all that a client hears of a task. Foreign words are notes of the
error; of those only what needs the scope `models:admin` is told, cut short and without the paths of the server.
"""

import re

MOST_CHARACTERS = 300
FOLDERS = re.compile(r"(?:/[\w.@+-]+)+(?=/[\w.@+-])")


def quote(text: str) -> str:
    """On one line, printable, in quotes, and not long; empty if nothing was said."""
    plain = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    plain = FOLDERS.sub("…", plain)
    short = plain if len(plain) <= MOST_CHARACTERS else f"{plain[: MOST_CHARACTERS - 1]}…"
    return f" (“{short}”)" if short else ""


def quote_cause(error: Exception) -> str:
    """The same of what the error is about."""
    return quote(" ".join(getattr(error, "__notes__", ())))
