"""Migrations: from an empty database, or one of an earlier release, to the schema of this release.

Each file of `sql/migrations/` is one transaction. It never changes after its release: the store has its checksum.

Responsible for applying pending migrations and for refusing stores of newer releases. Must not know the tables.
"""

from hashlib import sha256
from importlib.resources import files
from typing import NamedTuple

from headcount.store.database import Connection, Database, StoreError


class Migration(NamedTuple):
    """One migration: the text of its file."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text."""
        return sha256(self.text.encode()).hexdigest()


def migrations() -> list[Migration]:
    """Return the migrations of this release, in order."""
    folder = files("headcount.store") / "sql" / "migrations"
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    return [Migration(int(name[:4]), name[5:-4], (folder / name).read_text("utf-8")) for name in names]


def migrate(database: Database) -> list[Migration]:
    """Apply the pending migrations and return them. Raise `StoreError` if the store is newer or was changed."""
    applied: list[Migration] = []
    while True:
        with database.writing() as connection:
            connection.lock_log()  # several processes may start at once
            connection.run("create_migrations")
            waiting = _pending(database, connection)
            if not waiting:
                return applied
            first = waiting[0]
            connection.run_text(first.text.format_map(database.dialect))
            connection.run("insert_migration", **first._asdict() | {"checksum": first.checksum})
            applied.append(first)


def pending(database: Database) -> list[Migration]:
    """Return the pending migrations. Raise `StoreError` if the store is newer, or a migration was changed."""
    with database.reading() as connection:
        if not connection.query(database.dialect["has_migrations"], {}):
            return migrations()
        return _pending(database, connection)


def _pending(database: Database, connection: Connection) -> list[Migration]:
    applied = _applied(connection)
    known = {migration.number: migration for migration in migrations()}
    for number, (name, checksum) in applied.items():
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
    return [migration for number, migration in known.items() if number not in applied]


def _applied(connection: Connection) -> dict[int, tuple[str, str]]:
    rows = connection.rows("select_applied_migrations")
    return {number: (name, checksum) for number, name, checksum in rows}
