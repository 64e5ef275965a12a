"""Migrating: from an empty database, or that of an earlier release, to what this one needs.

Each file of `migrations/` is one transaction, and is never changed once released: the store
remembers its checksum.
"""

from hashlib import sha256
from importlib.resources import files
from typing import NamedTuple

from headcount.store.database import Connection, Database, StoreError


class Migration(NamedTuple):
    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return sha256(self.text.encode()).hexdigest()


def migrations() -> list[Migration]:
    """All that this release knows, in order."""
    folder = files("headcount.store") / "sql" / "migrations"
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    return [Migration(int(name[:4]), name[5:-4], (folder / name).read_text("utf-8")) for name in names]


def migrate(database: Database) -> list[Migration]:
    """Do what is still to be done, and say what it was. Raises `StoreError` for a store we do not know."""
    done: list[Migration] = []
    while True:
        with database.writing() as connection:
            connection.lock_log()  # several processes may start at once
            connection.run("create_migrations")
            to_do = _pending(database, connection)
            if not to_do:
                return done
            done.append(to_do[0])
            connection.run_text(to_do[0].text.format_map(database.dialect))
            connection.run("insert_migration", **to_do[0]._asdict() | {"checksum": to_do[0].checksum})


def pending(database: Database) -> list[Migration]:
    """What is still to be done. Raises `StoreError` if the store is newer, or was changed by hand."""
    with database.reading() as connection:
        return _pending(database, connection)


def _pending(database: Database, connection: Connection) -> list[Migration]:
    done = _done(connection)
    known = {migration.number: migration for migration in migrations()}
    for number, (name, checksum) in done.items():
        if number not in known:
            raise StoreError(
                f"the store was made by a newer release (migration {number}, {name}):"
                " update Headcount, or restore a backup made before the update",
                where=database.url,
            )
        if known[number].checksum != checksum:
            raise StoreError(
                f"migration {number} ({name}) is not the one of this release:"
                " install the release that made this store",
                where=database.url,
            )
    return [migration for number, migration in known.items() if number not in done]


def _done(connection: Connection) -> dict[int, tuple[str, str]]:
    return {
        number: (name, checksum) for number, name, checksum in connection.rows("select_applied_migrations")
    }
