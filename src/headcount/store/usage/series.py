"""Series: everybody's usage, that of those with a value of an attribute, and that of those without the attribute.

The quarter of a room has one total and its parts: for each attribute in use, the numbers of those with each value. Those
without the attribute are a part only where they are not everybody, so a quarter without attributes has no parts.

Responsible for the names of series and for dividing usage among them. Must not know the database.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from headcount.kernel.attributes import Attributes, texts_of
from headcount.kernel.events import Ms
from headcount.limits import index_text
from headcount.store.usage.quarters import ByNumber, Quarter, quarters_of

_EMPTY: Final = Quarter()


class Series(NamedTuple):
    """An attribute and the name of one of its values. An empty value means those without the attribute."""

    attribute: str = ""
    value: str = ""


EVERYBODY: Final = Series()
Parts = Mapping[Series, Quarter]
_NO_PARTS: Final[Parts] = {}
_PARTS: Final = msgspec.json.Decoder(dict[str, dict[str, Quarter]])
_encode: Final = msgspec.json.Encoder().encode


class Entry(NamedTuple):
    """The time of a stay in a meeting. `start` is that of the meeting."""

    start: Ms
    join: Ms
    leave: Ms
    attributes: Attributes | None


class RoomQuarter(NamedTuple):
    """The usage of a room in a quarter: everybody's, and its parts."""

    total: Quarter = _EMPTY
    parts: Parts = _NO_PARTS

    def of(self, series: Series) -> Quarter:
        """Return the usage of a series."""
        if series == EVERYBODY:
            return self.total
        return self.parts.get(series, _EMPTY if series.value else self.total)


RoomQuarters = dict[int, RoomQuarter]
"""The quarters of a room by their number."""


def names_of(attributes: Attributes | None, key: str) -> str:
    """Return the name of a value of a stay, or an empty one if it has none."""
    text = texts_of(attributes).get(key)
    return "" if text is None else index_text(text)


def long_texts(entries: Iterable[Entry], keys: Iterable[str]) -> dict[str, str]:
    """Return the values that are too long for an index, by name."""
    found: dict[str, str] = {}
    keys = list(keys)
    for attributes in {entry.attributes for entry in entries if entry.attributes is not None}:
        texts = texts_of(attributes)
        for text in (texts[key] for key in keys if key in texts):
            if (name := index_text(text)) != text:
                found[name] = text
    return found


def quarters_of_entries(
    starts: Iterable[Ms], entries: Sequence[Entry], first: int, until: int, keys: Iterable[str]
) -> RoomQuarters:
    """Return the quarters of a room from `first` to `until` (exclusive), with the parts of the attributes `keys`.

    A meeting counts for a value in the quarter in which it starts if one of its entries has the value.
    """
    totals = quarters_of(starts, [(one.join, one.leave) for one in entries], first, until)
    if not any(one.attributes is not None for one in entries):
        return {number: RoomQuarter(total) for number, total in totals.items()}
    parts: dict[int, dict[Series, Quarter]] = {number: {} for number in totals}
    for key in keys:
        by_name: dict[str, list[Entry]] = {}
        for entry in entries:
            by_name.setdefault(names_of(entry.attributes, key), []).append(entry)
        without = usage_of(by_name.pop("", ()), first, until)
        if by_name:
            for number, total in totals.items():
                lacking = without.get(number, _EMPTY)
                if lacking != total:
                    parts[number][Series(key)] = lacking
        for name, some in by_name.items():
            for number, quarter in usage_of(some, first, until).items():
                parts[number][Series(key, name)] = quarter
    return {number: RoomQuarter(total, parts[number]) for number, total in totals.items()}


def usage_of(entries: Sequence[Entry], first: int, until: int) -> ByNumber:
    """Return the usage of entries of one room: each meeting that has one of them counts."""
    spans = [(one.join, one.leave) for one in entries]
    return quarters_of({one.start for one in entries}, spans, first, until)


def encode_parts(parts: Parts) -> str | None:
    """Return parts as JSON, or None if there are none."""
    if not parts:
        return None
    found: dict[str, dict[str, Quarter]] = {}
    for series, quarter in sorted(parts.items()):
        found.setdefault(series.attribute, {})[series.value] = quarter
    return _encode(found).decode()


def decode_parts(text: str | None) -> Parts:
    """Return the parts that `encode_parts` wrote."""
    if text is None:
        return _NO_PARTS
    return {
        Series(attribute, value): quarter
        for attribute, values in _PARTS.decode(text).items()
        for value, quarter in values.items()
    }
