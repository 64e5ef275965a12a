"""Names of the columns of events, and the type of a column mapping.

Responsible for the names that all readers share. Must not know formats, or how a mapping is written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from headcount.errors import BadInput
from headcount.kernel.names import NUL, nul_message

REQUIRED = ("room", "participant_id", "kind", "at")
OPTIONAL = ("user_id", "user_name", "domain", "source_session", "joined_at", "inferred", "attributes")
COLUMNS = REQUIRED + OPTIONAL
"""All known columns. Others, `id` among them, are not read: duplicates are found by the fields of the event (R3)."""

ATTRIBUTE = "attributes."
"""The beginning of the name of a column of one attribute; the rest is its key."""
JSON_ATTRIBUTE = "attributes:"
"""The same for values that are JSON texts, as a reader of JSON finds them."""

CODED = ("room", "kind", "user_id", "user_name", "domain", "source_session", "inferred", "attributes")
"""Columns of few distinct texts, which are best stored as a dictionary and codes."""


def is_coded(column: str) -> bool:
    """Return whether a column of events has few distinct texts."""
    return column in CODED or column.startswith(ATTRIBUTE)


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """A validated mapping. Columns that it does not name have their own names.

    `columns` has the name in the input by the name in events, `attributes` by the key of a single attribute, and `kinds` the
    kind of values of the column `kind`.
    `time_unit` is that of numbers in columns of times. `constants` are values that the path of a file contains.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    time_unit: str | None = None
    constants: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)

    def column(self, name: str) -> str:
        """Return the name in the input of a column of events."""
        if name.startswith(ATTRIBUTE):
            return self.attributes.get(name.removeprefix(ATTRIBUTE), name)
        return self.columns.get(name, name)


INFERRED_WORDS: Final = {
    "": 0,
    "false": 0,
    "reported": 0,
    "true": 1,
    "snapshot": 1,
    "timeout": 2,
    "room_restarted": 3,
}
"""The number of each text of the column `inferred`: the position of the reason in `Inferred`, from 1; 0 for a report."""


AS_NAMED: Final = ColumnMap()
"""The mapping of an input that has the columns of events."""


def require_domain(domain: str) -> None:
    """Raise `BadInput` if a domain contains U+0000."""
    if NUL in domain:
        raise BadInput(nul_message("domain"))
