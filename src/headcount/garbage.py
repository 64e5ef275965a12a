"""Garbage collection: how often Python looks for objects in cycles.

Responsible for the settings of a process that lives long. Must not know what the process does.
"""

import gc
from typing import Final

ANSWER_OBJECTS: Final = 20_000
"""New objects that start a collection in a server: an answer creates thousands at once."""
ENGINE_OBJECTS: Final = 200_000
"""The same for an engine, which has ten for each event of a batch. Nearly none of them are in cycles."""


def collect_rarely(new_objects: int) -> None:
    """Start collections of garbage less often, and leave what exists now out of them: it stays as long as the process."""
    gc.freeze()
    gc.set_threshold(new_objects)
