"""Backups are complete, are written while the store is in use, overwrite nothing, and are verified on restore."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from headcount.errors import BadInput
from headcount.kernel.events import Event, Kind
from headcount.store.backup import backup, log_digest, restore
from headcount.store.database import StoreError
from headcount.store.open import connect, open_store
from support.engines import NEW_YEAR
from support.stored import entry_of


def filled(path, many=500):
    store = open_store(str(path))
    store.log.append([[entry_of(Event(Kind.JOIN, "r", NEW_YEAR + n, f"p{n}")) for n in range(many)]])
    store.keys.create("d", "", ("read",), 0, "s" * 32)
    return store


def unchecked(path):
    """Tables are no matter of these tests."""


def digest_of(path):
    with closing(sqlite3.connect(path)) as connection:
        return log_digest(connection)


def as_after_a_crash(path, folder):
    """A database with the write-ahead log that a killed process leaves behind."""
    store = filled(path)
    for file in path.parent.glob(f"{path.name}*"):
        shutil.copy(file, folder)
    store.close()
    return folder / path.name


def test_a_backup_during_writes_is_restored_completely(tmp_path):
    store = filled(tmp_path / "a.db")
    made = backup(store.database, str(tmp_path / "b.backup"))
    assert made == digest_of(tmp_path / "a.db")
    store.log.append([[entry_of(Event(Kind.LEAVE, "r", NEW_YEAR, "later"))]])
    assert made != digest_of(tmp_path / "a.db")
    assert restore(str(tmp_path / "b.backup"), str(tmp_path / "c.db"), unchecked) == made
    assert digest_of(tmp_path / "c.db") == made
    again = open_store(str(tmp_path / "c.db"))
    assert again.log.after(0, 1_000) == store.log.after(0, 500)
    assert again.keys.all() == store.keys.all()
    assert sorted(path.name for path in tmp_path.iterdir() if ".part" in path.name) == []


def test_a_commit_during_a_backup_is_not_in_it_and_does_not_restart_it(tmp_path, monkeypatch):
    monkeypatch.setattr("headcount.store.backup._PAGES_AT_ONCE", 1)
    store = filled(tmp_path / "a.db")
    before = digest_of(tmp_path / "a.db")
    shares = []

    def progress(share, label):
        if label == "copying":
            store.log.append([[entry_of(Event(Kind.LEAVE, "r", NEW_YEAR, f"later {len(shares)}"))]])
            shares.append(share)

    reading = connect(str(tmp_path / "a.db"), read_only=True)
    assert backup(reading, str(tmp_path / "b.backup"), progress) == before
    assert len(shares) > 10
    assert shares == sorted(shares)


def test_nothing_is_overwritten(tmp_path):
    store = filled(tmp_path / "a.db", 1)
    (tmp_path / "b.backup").write_text("mine")
    with pytest.raises(BadInput, match="the file exists"):
        backup(store.database, str(tmp_path / "b.backup"))
    with pytest.raises(BadInput, match=r"Move a.db, .* to another directory"):
        restore(str(tmp_path / "b.backup"), str(tmp_path / "a.db"), unchecked)


def test_a_file_that_is_not_a_backup_is_refused(tmp_path):
    (tmp_path / "x").write_bytes(b"nothing of ours" * 100)
    with pytest.raises(BadInput, match="is not a Headcount database"):
        restore(str(tmp_path / "x"), str(tmp_path / "c.db"), unchecked)
    with pytest.raises(BadInput, match="there is no such backup file"):
        restore(str(tmp_path / "y"), str(tmp_path / "c.db"), unchecked)
    assert not (tmp_path / "c.db").exists()


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_nothing_is_restored_beside_files_of_another_database(tmp_path, suffix):
    backup(filled(tmp_path / "a.db").database, str(tmp_path / "b.backup"))
    (tmp_path / f"c.db{suffix}").write_bytes(b"x")
    (tmp_path / "link.db").symlink_to(tmp_path / "c.db")
    for name in ("c.db", "link.db"):
        with pytest.raises(BadInput, match=f"Move c.db{suffix} to another directory"):
            restore(str(tmp_path / "b.backup"), str(tmp_path / name), unchecked)
    assert not (tmp_path / "c.db").exists()


@pytest.mark.parametrize("how", ["the database is missing", "a backup was copied into its place"])
def test_a_write_ahead_log_of_another_database_is_not_applied(tmp_path, how):
    (tmp_path / "crashed").mkdir()
    left = as_after_a_crash(tmp_path / "headcount.db", tmp_path / "crashed")
    left.unlink()
    wal = Path(f"{left}-wal").read_bytes()
    assert wal
    if how == "a backup was copied into its place":
        backup(filled(tmp_path / "b.db", 3).database, str(tmp_path / "b.backup"))
        shutil.copy(tmp_path / "b.backup", left)
    kept = left.read_bytes() if left.exists() else None
    for read_only in (True, False):
        with pytest.raises(StoreError, match=r"headcount.db-wal .*: move"):
            open_store(str(left), read_only=read_only)
    assert (left.read_bytes() if left.exists() else None) == kept
    assert Path(f"{left}-wal").read_bytes() == wal


def test_the_write_ahead_log_of_a_killed_process_is_applied(tmp_path):
    (tmp_path / "crashed").mkdir()
    left = as_after_a_crash(tmp_path / "headcount.db", tmp_path / "crashed")
    assert open_store(str(left)).log.end()[0] == 500
    assert restore(str(tmp_path / "headcount.db"), str(tmp_path / "c.db"), unchecked) is None
    assert digest_of(tmp_path / "c.db").entries == 500


ONE_MORE = (
    "insert into entries select position + 1, domain, room, kind, at_ms, received_ms, participant_id, user_id, user_name,"
    " source_session, joined_ms, inferred, event_id, x'00', origin, snapshot, attributes, sender, digest, salt, commitment from entries where position = 500"
)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("update entries set at_ms = at_ms + 1 where position = 17", "is damaged: its log has"),
        ("delete from entries where position = 500", "its log has 499 entries up to position 499"),
        (ONE_MORE, "its log has 501 entries"),
    ],
)
def test_a_log_that_differs_from_its_digest_is_not_restored(tmp_path, change, reason):
    backup(filled(tmp_path / "a.db").database, str(tmp_path / "b.backup"))
    with closing(sqlite3.connect(tmp_path / "b.backup")) as other, other:
        other.execute(change)
    with pytest.raises(BadInput, match=reason):
        restore(str(tmp_path / "b.backup"), str(tmp_path / "c.db"), unchecked)
    assert not (tmp_path / "c.db").exists()
    assert [path.name for path in tmp_path.iterdir() if ".part" in path.name] == []


def test_a_copy_that_fails_its_check_is_not_restored(tmp_path):
    backup(filled(tmp_path / "a.db").database, str(tmp_path / "b.backup"))

    def refuse(path):
        with closing(open_store(str(path))) as store:
            assert store.log.end()[0] == 500
        raise BadInput("no")

    with pytest.raises(BadInput, match="no"):
        restore(str(tmp_path / "b.backup"), str(tmp_path / "c.db"), refuse)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name[0] in ".c") == []


def test_only_the_owner_may_read_the_files(tmp_path):
    store = filled(tmp_path / "a.db")
    backup(store.database, str(tmp_path / "b.backup"))
    restore(str(tmp_path / "b.backup"), str(tmp_path / "c.db"), unchecked)
    open_store(str(tmp_path / "c.db")).log.append([[entry_of(Event(Kind.JOIN, "r", NEW_YEAR, "p"))]])
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert {"a.db", "a.db-wal", "a.db-shm", "b.backup", "c.db", "c.db-wal"} <= modes.keys()
    assert set(modes.values()) == {0o600}
