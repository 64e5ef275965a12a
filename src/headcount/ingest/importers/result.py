"""Result of an import.

Responsible for its numbers. Must not know what was imported.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Imported:
    """Numbers of events and of rejected rows. `processed` is whether the engine has processed the events."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    processed: bool = False
