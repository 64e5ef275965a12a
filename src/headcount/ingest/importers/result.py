"""Result of an import.

Responsible for its numbers. Must not know what was imported.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from headcount.ingest.importers.outcome import OpenStay, Unused


@dataclass(slots=True)
class Imported:
    """Numbers of events and of rejected rows. `processed` is whether the engine has processed the events.

    `open_stays` are those that the import opened and nothing ended, `closed` how many of them it closed on request.
    """

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    processed: bool = False
    unused: Unused = field(default_factory=Unused)
    open_stays: Sequence[OpenStay] = ()
    closed: int = 0
