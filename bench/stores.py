"""Stores of the benchmarks: each is created once in `bench/data`, and again if the schema changes."""

import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from headcount.store.migrations import migrations

DATA = Path(__file__).parent / "data"


def stored(name: str, make: Callable[[Path], None], *, again: bool = False) -> Path:
    """Return the path of a store that `make` creates completely, if it does not exist. With `again`, create a new one."""
    DATA.mkdir(exist_ok=True)
    path = DATA / f"{name}-{_schema()}.db"
    if again or not path.exists():
        for old in DATA.glob(f"{path.name}*"):
            old.unlink()
        with tempfile.TemporaryDirectory(dir=DATA) as directory:
            unfinished = Path(directory) / path.name
            make(unfinished)
            unfinished.rename(path)
    return path


def _schema() -> str:
    return sha256("".join(one.checksum for one in migrations()).encode()).hexdigest()[:8]
