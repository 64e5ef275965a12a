"""Attributes as pages and files show them: labels of a person, and a column for each key.

Responsible for which attributes are shown, and in which order and type. Must not know HTML, nor file formats.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from headcount.dashboard.files import Column, Type
from headcount.dashboard.sanitize import one_line
from headcount.kernel.attributes import Attributes, Value, text_of, values_of

MAX_COLUMNS: Final = 100
_COLUMN: Final = "attributes"
_EXACT: Final = 10**15
"""Spreadsheets have numbers of 15 digits: longer ones are text."""
_BADGES: Final = ("role", "kind")
_EMAIL: Final = "email"
_USUAL_KIND: Final = "person"


class Label(NamedTuple):
    """An attribute as text on one line."""

    key: str
    text: str


class Labels(NamedTuple):
    """The attributes of a person: `badges` are role and kind, unless it is the usual one; `others` are in the order of keys."""

    badges: Sequence[Label]
    email: str | None
    others: Sequence[Label]


def labels_of(attributes: Attributes | None) -> Labels:
    """Return attributes as labels."""
    texts = {key: one_line(text_of(value)) for key, value in values_of(attributes).items()}
    badges = [Label(key, texts.pop(key)) for key in _BADGES if key in texts]
    email = texts.pop(_EMAIL, None)
    return Labels(
        [badge for badge in badges if badge != ("kind", _USUAL_KIND)],
        email,
        [Label(one_line(key), text) for key, text in texts.items()],
    )


def matches(attributes: Attributes | None, sought: str) -> bool:
    """Return whether the text of a value contains a text, which is case-folded."""
    return attributes is not None and any(
        sought in text_of(value).casefold() for value in values_of(attributes).values()
    )


class AttributeColumns:
    """Columns for all rows of a table, whose attributes are given: one for each key in use, such as `attributes.role`.

    A column has numbers or flags if all of its values are. With more than `MAX_COLUMNS` keys, the most frequent ones have
    columns, and one more column has all attributes as JSON.
    """

    def __init__(self, rows: Sequence[Attributes | None]) -> None:
        values: dict[str, list[Value]] = {}
        uses = Counter(rows)
        count: Counter[str] = Counter()
        for attributes, times in uses.items():
            for key, value in values_of(attributes).items():
                values.setdefault(key, []).append(value)
                count[key] += times
        most_used = sorted(values, key=lambda key: (-count[key], key))[:MAX_COLUMNS]
        self._types = {key: _type_of(values[key]) for key in sorted(most_used)}
        self._has_json = len(values) > MAX_COLUMNS

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, by key."""
        own = tuple(Column(f"{_COLUMN}.{key}", kind) for key, kind in self._types.items())
        return (*own, Column(_COLUMN, Type.TEXT)) if self._has_json else own

    def cells(self, attributes: Attributes | None) -> tuple[Any, ...]:
        """Return the cells of a row."""
        values = values_of(attributes)
        own = tuple(_cell(values.get(key), kind) for key, kind in self._types.items())
        return (*own, attributes) if self._has_json else own


def _type_of(values: Sequence[Value]) -> Type:
    if all(isinstance(value, bool) for value in values):
        return Type.FLAG
    numbers = [value for value in values if not isinstance(value, bool | str) and -_EXACT < value < _EXACT]
    return Type.NUMBER if len(numbers) == len(values) else Type.TEXT


def _cell(value: Value | None, kind: Type) -> Any:
    return text_of(value) if value is not None and kind is Type.TEXT else value
