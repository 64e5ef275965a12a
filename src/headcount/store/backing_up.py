"""Backing up: all of a store in one file, while it serves; and back.

A backup is a SQLite file, whichever the store is: for PostgreSQL its own tools do it better.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from headcount.errors import BadInput
from headcount.store.database import Database, StoreError
from headcount.store.sqlite import SqliteDatabase, to_read

_PAGES_AT_ONCE: Final = 2_000


def backup(database: Database, file: str) -> None:
    """Write all of the store into a new file: aside first, and put in place when it is whole.

    Raises `BadInput` if the file is there, `StoreError` if it cannot be written.
    """
    if not isinstance(database, SqliteDatabase):
        raise BadInput("a store on PostgreSQL is backed up with its own tools: pg_dump --format=custom")
    target = Path(file)
    if target.exists():
        raise BadInput("is there already: choose another name", where=file)
    _copy(database.path, target)


def restore(file: str, url: str) -> None:
    """Make a store of a backup. Raises `BadInput` if there is a store, or the file is none."""
    target = Path(url.removeprefix("sqlite:///").removeprefix("sqlite://"))
    if "://" in str(target):
        raise BadInput("a store on PostgreSQL is restored with its own tools: pg_restore")
    if target.exists():
        raise BadInput("is there already: move it away first, it is not overwritten", where=str(target))
    if not Path(file).exists():
        raise BadInput("is not there", where=file)
    _copy(Path(file), target)


def _copy(source: Path, target: Path) -> None:
    aside = target.with_name(f".{target.name}.part")
    try:
        with (
            closing(sqlite3.connect(to_read(source), uri=True)) as one,
            closing(sqlite3.connect(aside)) as other,
        ):
            _require_whole(one, source)
            one.backup(other, pages=_PAGES_AT_ONCE)
            other.execute("pragma journal_mode = delete")
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        aside.replace(target)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{target} cannot be written: {error}") from error
    finally:
        aside.unlink(missing_ok=True)


def _require_whole(connection: sqlite3.Connection, source: Path) -> None:
    try:
        known = connection.execute("select count(*) from migrations").fetchone()
        state = connection.execute("pragma quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise BadInput(f"is no store of Headcount: {error}", where=str(source)) from error
    if not known or state != "ok":
        raise BadInput(f"is damaged: {state}", where=str(source))
