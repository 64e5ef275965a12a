"""Cache of machine code: beside the package if that is writable, else in the user's cache directory, else nowhere.

Responsible for places and for complete files. Must not know what is stored.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

COMPILING_S: Final = 6
"""Duration of compiling, in seconds."""


def read(name: str) -> bytes | None:
    """Return what is stored under a name, or None."""
    for directory in _directories():
        try:
            return (directory / name).read_bytes()
        except OSError:
            continue
    return None


def write(name: str, content: bytes) -> None:
    """Store content under a name, completely or not at all: another process may read it now."""
    for directory in _directories():
        unfinished = directory / f"{name}.{os.getpid()}"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(content)
            unfinished.replace(directory / name)
        except OSError:
            continue
        return


def announce() -> None:
    """Print that compiling takes some seconds."""
    print(f"Compiling once, about {COMPILING_S} s ...", file=sys.stderr, flush=True)  # noqa: T201


def _directories() -> Iterator[Path]:
    """Yield the places in order. None is shared by users, because code from them is run."""
    yield Path(__file__).parent / "__pycache__"
    try:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:  # the user has no home
        return
    yield Path(home) / "headcount"
