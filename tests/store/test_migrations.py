"""Migrations: applied once, in order, and refused if the store is newer or differs."""

from urllib.parse import urlsplit

import psycopg
import pytest

from headcount.store import migrations
from headcount.store.database import StoreError
from headcount.store.migrations import Migration, migrate, pending
from headcount.store.open import connect, has_store, open_store

SECOND = Migration(
    102, "notes", "create table notes (text {text} not null);\ncreate index notes_by_text on notes (text);\n"
)
THIRD = Migration(103, "more-notes", "insert into notes (text) values ('third');\n")
BROKEN = Migration(
    102, "broken", "create table notes (text {text} not null);\ncreate table notes (text {text});\n"
)


@pytest.fixture
def later_release(monkeypatch):
    """Give this release further migrations."""

    def add(*further):
        known = [*migrations.migrations(), *further]
        monkeypatch.setattr(migrations, "migrations", lambda: known)

    return add


def notes(database):
    with database.reading() as connection:
        return [text for (text,) in connection.query("select text from notes", {})]


FROZEN = {
    1: "742383f8f1c47ec4b1def1bce57fdbf82eb2730677156f413271e5b41d42c567",
    2: "90dd9855317f44024823f1aaf78cd07f1328e0c215d61de150080b7393e435d3",
    3: "96a28a181645aab2daed43b3c314605943be8058e86cfec557daa6905638d27e",
}
"""SHA-256 of the migrations that databases of users have. A release adds its own."""


def test_a_released_migration_never_changes():
    now = {one.number: one.checksum for one in migrations.migrations() if one.number in FROZEN}
    assert now == FROZEN, (
        "databases exist that have this migration, and a server refuses them if its text differs. Undo the change, also of a"
        " comment, and add a migration with the next number to src/headcount/store/sql/migrations"
    )


def test_migrations_are_numbered_without_gaps():
    numbers = [one.number for one in migrations.migrations()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_store_is_migrated_once(store):
    assert pending(store.database) == []
    assert migrate(store.database) == []


def test_a_new_store_has_every_migration_pending(url):
    database = connect(url)
    with database.writing() as connection:
        connection.run("create_migrations")
    assert pending(database) == migrations.migrations()
    database.close()


def test_a_database_without_tables_has_no_store(url, tmp_path):
    """A file that somebody has created, or a new database of a server."""
    (tmp_path / "headcount.db").touch()
    assert not has_store(url)


def test_an_existing_store_gets_the_migrations_that_it_lacks_in_order(store, url, later_release):
    later_release(SECOND, THIRD)
    assert pending(store.database) == [SECOND, THIRD]
    assert migrate(store.database) == [SECOND, THIRD]
    assert notes(store.database) == ["third"]
    assert pending(store.database) == []
    open_store(url).close()


def test_opening_a_store_applies_pending_migrations(store, url, later_release):
    later_release(SECOND)
    open_store(url).close()
    assert notes(store.database) == []


def test_a_migration_that_fails_changes_nothing(store, later_release):
    later_release(BROKEN)
    with pytest.raises(Exception, match="notes"):
        migrate(store.database)
    assert pending(store.database) == [BROKEN]
    with store.database.writing() as connection:
        connection.run_text("create table notes (text varchar)")


def test_a_store_of_a_newer_release_is_refused(store, url):
    with store.database.writing() as connection:
        connection.run("insert_migration", number=9_999, name="tomorrow", checksum="x")
    with pytest.raises(StoreError, match="newer release"):
        open_store(url)


def test_a_migration_that_was_changed_is_refused(store, url):
    with store.database.writing() as connection:
        connection.run_text("update migrations set checksum = 'y'")
    with pytest.raises(StoreError, match="not the one of this release"):
        open_store(url)


def test_a_postgresql_database_of_another_encoding_is_refused(postgres):
    name = urlsplit(postgres.database()).path.strip("/")
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as server:
        server.execute(f'create database "{name}-latin" encoding LATIN1 template template0'.encode())
    with pytest.raises(StoreError, match="has the encoding LATIN1: create one with the encoding UTF8"):
        open_store(postgres.url(f"{name}-latin"))
