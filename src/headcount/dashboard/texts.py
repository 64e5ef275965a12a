"""Texts of all pages, from the files of one folder.

Responsible for looking up texts by key. A text has values in braces. A text that depends on a number `n` is a table of
`one` and `other`, the plural forms of English. Must not know what pages exist.
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from headcount.dashboard.formats import number


class Texts:
    """The texts by key."""

    def __init__(self) -> None:
        self.by_key: dict[str, str] = {}
        for file in (files("headcount.dashboard") / "texts").iterdir():
            self.by_key |= _flat(tomllib.loads(file.read_text("utf-8")))

    def __call__(self, name: str, /, **values: Any) -> str:
        """Return a text with its values; integers have commas. Raise `KeyError` for an unknown key or a missing value."""
        if "n" in values and f"{name}.other" in self.by_key:
            name = f"{name}.{'one' if values['n'] == 1 else 'other'}"
        shown = {key: number(value) if isinstance(value, int) else value for key, value in values.items()}
        return self.by_key[name].format(**shown)

    def has(self, name: str) -> bool:
        """Return whether there is a text of that key."""
        return name in self.by_key


def _flat(table: Mapping[str, Any], prefix: str = "") -> "list[tuple[str, str]]":
    texts: list[tuple[str, str]] = []
    for name, value in table.items():
        path = f"{prefix}{name}"
        texts += _flat(value, f"{path}.") if isinstance(value, dict) else [(path, value)]
    return texts


TEXTS: Final = Texts()
