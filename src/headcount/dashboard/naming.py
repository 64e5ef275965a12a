"""Naming: what people are called on pages."""

from collections.abc import Iterable
from typing import Protocol


class Somebody(Protocol):
    """A person, or a stay or an entry of theirs."""

    @property
    def participant_id(self) -> str: ...
    @property
    def user_id(self) -> str | None: ...
    @property
    def user_name(self) -> str | None: ...


def name_of(somebody: Somebody) -> str:
    """Their name; the best that there is in its place."""
    return somebody.user_name or somebody.user_id or somebody.participant_id


def names_of(those: Iterable[Somebody]) -> list[str]:
    """Each person once, however many connections they have, in the order of their names."""
    names = {one.user_id or one.participant_id: name_of(one) for one in those}
    return sorted(names.values(), key=str.casefold)
