"""Values of a JSON file, in whatever form a program wrote them one after the other.

A file has one value per line, values one after the other, or lists of them, on one line or indented. A program that collects
logs may put a prefix before the value of a line, `webhook-1  | 2026-03-02T09:00:00Z {…}`, which is ignored. The file is UTF-8 or UTF-16,
with or without a byte order mark.
Responsible for the place of each value, and for going on after one that is not JSON. Must not know what the values mean.
"""

import codecs
import json
import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import msgspec

from headcount.errors import BadInput

_DECODER: Final = json.JSONDecoder()
_LINE_DECODER: Final = msgspec.json.Decoder(msgspec.Raw)
_SEPARATORS: Final = re.compile(r"[ \t\r\n,]*")
UTF16_BOMS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SHOWN: Final = 40


class JsonObject(NamedTuple):
    """The JSON of one object, and the line on which it starts."""

    line: int
    text: bytes


def split_objects(content: bytes, name: str, on_error: Callable[[BadInput], None]) -> Iterator[JsonObject]:
    """Return the objects of a file, those of lists, too.

    Whatever else is in the file is passed to `on_error` with the file's name and its line. Bytes that are not UTF-8 stay in the
    text of their object. Raise `BadInput` for an empty file.
    """
    text = _decode(content)
    if not text.strip():
        raise BadInput("is empty", where=name)
    return _Splitter(text, name, on_error).objects()


def _decode(content: bytes) -> str:
    is_utf16 = content.startswith(UTF16_BOMS) or b"\0" in content[:2]
    if not is_utf16:
        return content.decode("utf-8-sig", "surrogateescape")
    encoding = "utf-16" if content.startswith(UTF16_BOMS) else _utf16_without_mark(content)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise BadInput("is neither UTF-8 nor UTF-16 text") from error


def _utf16_without_mark(content: bytes) -> str:
    return "utf-16-be" if content[:1] == b"\0" else "utf-16-le"


class _Splitter:
    """Position in a text. `lists` has the lines on which the lists start that are open there."""

    def __init__(self, text: str, name: str, on_error: Callable[[BadInput], None]) -> None:
        self._text = text
        self._name = name
        self._on_error = on_error
        self._at = 0
        self._line = 1
        self._lists: list[int] = []
        self._has_errors = False

    def objects(self) -> Iterator[JsonObject]:
        while self._skip_separators():
            match self._text[self._at]:
                case "[":
                    self._lists.append(self._line)
                    self._at += 1
                case "]" if self._lists or self._has_errors:
                    self._lists[-1:] = []
                    self._at += 1
                case "{":
                    yield from self._object(self._at)
                case _:
                    yield from self._object_after_prefix()
        if self._lists and not self._has_errors:
            self._report("the list that starts here does not end: the file is cut off", self._lists[0])

    def _skip_separators(self) -> bool:
        """Move to the next value or bracket. Return False at the end of the text."""
        found = _SEPARATORS.match(self._text, self._at)
        assert found is not None
        self._move(found.end())
        return self._at < len(self._text)

    def _move(self, to: int) -> None:
        self._line += self._text.count("\n", self._at, to)
        self._at = to

    def _object(self, start: int) -> Iterator[JsonObject]:
        try:
            end = self._object_end(start)
        except BadInput as error:
            self._skip_line(error.reason)
        else:
            yield self._moved_past(start, end)

    def _object_after_prefix(self) -> Iterator[JsonObject]:
        """Return the object at the end of a line that starts with something else. JSON that is cut off has quotes before it."""
        line = self._text[self._at : self._line_end(self._at)]
        prefix, brace, _ = line.partition("{")
        if not brace or '"' in prefix:
            shown = line.strip()
            dots = "…" if len(shown) > _SHOWN else ""
            self._skip_line(f"expected a JSON object, got '{shown[:_SHOWN]}{dots}'")
            return
        start = self._at + len(prefix)
        try:
            end = self._object_end(start)
        except BadInput:
            self._skip_line(
                f"starts with '{prefix.strip()[:_SHOWN]}' before the JSON. Remove this prefix from each line"
            )
        else:
            self._lists = [opened for opened in self._lists if opened != self._line]  # '[09:00:00] {…}'
            yield self._moved_past(start, end)

    def _moved_past(self, start: int, end: int) -> JsonObject:
        found = JsonObject(self._line, self._text[start:end].encode("utf-8", "surrogateescape"))
        self._move(end)
        return found

    def _object_end(self, start: int) -> int:
        """Return the end of the object at `start`. Raise `BadInput` if it is not JSON."""
        try:
            return self._whole_line(start) or _DECODER.raw_decode(self._text, start)[1]
        except RecursionError as error:
            raise BadInput("not JSON that can be read: it is nested too deeply") from error
        except json.JSONDecodeError as error:
            if error.pos >= len(self._text.rstrip()) or error.msg.startswith("Unterminated string"):
                raise BadInput("the JSON that starts here does not end: the file is cut off") from error
            reason = f"{error.msg[:1].lower()}{error.msg[1:]} (line {error.lineno}, column {error.colno})"
            raise BadInput(f"not JSON: {reason}") from error

    def _whole_line(self, start: int) -> int:
        """Return the end of the object if it is exactly one line, as in most files, else 0."""
        if start and self._text[start - 1] != "\n":
            return 0
        line = self._text[start : self._line_end(start)].rstrip()
        try:
            _LINE_DECODER.decode(line.encode("utf-8", "surrogateescape"))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return 0
        return start + len(line)

    def _line_end(self, start: int) -> int:
        end = self._text.find("\n", start)
        return len(self._text) if end < 0 else end

    def _skip_line(self, reason: str) -> None:
        """Report an error, and move to the next line on which a value may start: it is not indented further than this one."""
        self._report(reason, self._line)
        line = self._text[self._text.rfind("\n", 0, self._at) + 1 : self._at]
        indent = len(line) - len(line.lstrip(" \t")) if line.strip() else len(line)
        following = re.compile(rf"\n(?=[ \t]{{0,{indent}}}[^\s}}\],])").search(self._text, self._at)
        self._move(following.end() if following else len(self._text))

    def _report(self, reason: str, line: int) -> None:
        self._has_errors = True
        self._on_error(BadInput(reason, where=self._name, place=f"line {line}"))
