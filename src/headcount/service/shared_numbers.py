"""Shared numbers: integers in memory that a process shares with those that it forks.

Responsible for their places in memory. Must not know what they mean.
"""

from collections.abc import Iterable
from mmap import mmap
from typing import Final

_BYTES: Final = 8


class SharedNumbers:
    """Integers by name, zero at first.

    Each has one process that writes it. Others read the old or the new value, because a number is written at once.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._places = {name: place for place, name in enumerate(names)}
        self._values = memoryview(mmap(-1, _BYTES * len(self._places))).cast("q")

    def __getitem__(self, name: str) -> int:
        return self._values[self._places[name]]

    def __setitem__(self, name: str, value: int) -> None:
        self._values[self._places[name]] = value
