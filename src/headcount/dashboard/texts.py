"""Texts: every word that a page says, from the files of one folder; a translation is another folder.

A text may name values in braces. One that depends on a number `n` is a table of `one` and `other`.
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any


class Texts:
    """The texts of one language. Called with a name, and the values that the text names."""

    def __init__(self, language: str = "en") -> None:
        self.language = language
        self.known: dict[str, str] = {}
        for file in (files("headcount.dashboard") / "texts" / language).iterdir():
            self.known |= _flat(tomllib.loads(file.read_text("utf-8")))

    def __call__(self, name: str, /, **values: Any) -> str:
        """Raises `KeyError` for a name that is not there, or a value that is missing."""
        if "n" in values and f"{name}.other" in self.known:
            name = f"{name}.{'one' if values['n'] == 1 else 'other'}"
        return self.known[name].format(**values)

    def has(self, name: str) -> bool:
        return name in self.known


def _flat(table: Mapping[str, Any], before: str = "") -> "list[tuple[str, str]]":
    found: list[tuple[str, str]] = []
    for name, value in table.items():
        path = f"{before}{name}"
        found += _flat(value, f"{path}.") if isinstance(value, dict) else [(path, value)]
    return found
