"""Passwords in addresses: never shown, however the address was mistyped and wherever it is quoted."""

from __future__ import annotations

import re

_SCHEME = r"(?:[a-z][a-z0-9+.-]*:/+|\b(?:rtsps?|rtmps?|https?|udp|rtp|tcp|srt)(?:/+|:))"
"""rtsp://, rtsp:/ and the like of any scheme; of the streams that are read also rtsp// and rtsp:"""
_AT = "(?:@|%40)"

_USER_AFTER_SCHEME = re.compile(rf"(?i)({_SCHEME})[^\n]*{_AT}")
"""To the last @ of the line: passwords hold spaces, @, / and #, which users do not escape."""
_USER_WITHOUT_HOST = re.compile(rf"(?i)({_SCHEME})[^\s/:@\[]+:(?=[^\s/]*[^\s/0-9'\",;:.)]|[0-9]{{6}})\S+")
"""What follows the colon is no port: it is no number, or one of more than five digits."""
_USER_ALONE = re.compile(rf"[^\s'\"(\[=:/]+:\S*{_AT}")
_ENDING = r"[^\s'\"]*?(?=[:;,.)]*(?:[\s'\"]|$))"
_QUERY = re.compile(rf"(?i)({_SCHEME}[^\s?#]*)[?#]{_ENDING}")
_QUERY_ALONE = re.compile(rf"(?i)[?&][^\s?&=]*(?:pass|pwd|pw|token|key|auth|secret|user)[^\s?&=]*={_ENDING}")

MOST_CHARACTERS = 2000
"""of a line; the rest is cut off, for the patterns take quadratic time"""


def without_passwords(text: str) -> str:
    """The text with the user and password of every address in it left out, and the query of every URL.

    >>> without_passwords("rtsp:/admin:pa#ss@cam-3/main?key=1: no such file")
    'rtsp:/cam-3/main: no such file'
    >>> without_passwords("admin:secret@cam-3/main: no such file")
    '***@cam-3/main: no such file'
    """
    return "\n".join(_clean(line) for line in text.split("\n"))


def _clean(line: str) -> str:
    if len(line) > MOST_CHARACTERS:
        line = line[:MOST_CHARACTERS] + "..."
    line = _USER_AFTER_SCHEME.sub(r"\1", line)
    line = _USER_WITHOUT_HOST.sub(r"\1***", line)
    line = _USER_ALONE.sub("***@", line)
    return _QUERY_ALONE.sub("", _QUERY.sub(r"\1", line))
