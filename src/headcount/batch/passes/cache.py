"""Cache of machine code: beside the package if that is writable, else in the user's cache directory, else nowhere.

Responsible for places that only this user and root can write to, because what is stored there is run, and for whole files: each
starts with the digest of the rest. Must not know what is stored.
"""

import os
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

COMPILING_S: Final = 7
"""Duration of compiling on a usual machine, in seconds. Slow ones take twice as long."""
_BESIDE: Final = Path(__file__).parent / "__pycache__"
_WRITABLE_BY_OTHERS: Final = 0o022
_DIGEST_BYTES: Final = 32
_is_silent = False


def silence() -> None:
    """Print nothing about compiling in this process."""
    global _is_silent  # noqa: PLW0603 - the choice of a command, for all that it calls
    _is_silent = True


def read(name: str) -> bytes | None:
    """Return what is stored under a name, or None, also if a file is damaged."""
    for directory in _directories():
        try:
            stored = (directory / name).read_bytes() if _is_private(directory) else b""
        except OSError:
            continue
        digest, content = stored[:_DIGEST_BYTES], stored[_DIGEST_BYTES:]
        if digest == sha256(content).digest():
            return content
    return None


def write(name: str, content: bytes) -> None:
    """Store content under a name, completely or not at all: another process may read it now."""
    for directory in _directories():
        unfinished = directory / f"{name}.{os.getpid()}"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_private(directory):
                continue
            unfinished.write_bytes(sha256(content).digest() + content)
            unfinished.replace(directory / name)
        except OSError:
            _delete(unfinished)
            continue
        return
    _note(
        "The compiled code cannot be stored, so the next run compiles again."
        " Set XDG_CACHE_HOME to a directory that only this user can write to."
    )


def announce() -> None:
    """Print that compiling takes some seconds."""
    _note(f"Compiling once, about {COMPILING_S} s ...")


def _note(text: str) -> None:
    if not _is_silent:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def _directories() -> Iterator[Path]:
    """Yield the places in order."""
    yield _BESIDE
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # the user has no home
        return
    if home.is_absolute():
        yield home / "headcount"


def _is_private(directory: Path) -> bool:
    """Return whether nobody can write to a directory but this user, root, and the owner of the package itself."""
    found = directory.stat()
    owners = (os.getuid(), 0, Path(__file__).stat().st_uid)
    return found.st_uid in owners and not found.st_mode & _WRITABLE_BY_OTHERS


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
