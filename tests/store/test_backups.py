"""A backup holds everything, is made while the store is in use, and overwrites nothing."""

import pytest

from engine.stored import entry_of
from engines import NEW_YEAR
from headcount.errors import BadInput
from headcount.kernel.events import Event, Kind
from headcount.store.backing_up import backup, restore
from headcount.store.opening import open_store


def filled(path, many=500):
    store = open_store(str(path))
    store.log.append([[entry_of(Event(Kind.JOIN, "r", NEW_YEAR + n, f"p{n}")) for n in range(many)]])
    store.keys.create("d", "", ("read",), 0, "s" * 32)
    return store


def test_a_backup_taken_while_it_is_written_to_comes_back_whole(tmp_path):
    store = filled(tmp_path / "a.db")
    backup(store.database, str(tmp_path / "b.backup"))
    store.log.append([[entry_of(Event(Kind.LEAVE, "r", NEW_YEAR, "later"))]])
    restore(str(tmp_path / "b.backup"), str(tmp_path / "c.db"))
    again = open_store(str(tmp_path / "c.db"))
    assert again.log.after(0, 1_000) == store.log.after(0, 500)
    assert again.keys.all() == store.keys.all()
    assert sorted(path.name for path in tmp_path.iterdir() if ".part" in path.name) == []


def test_nothing_is_overwritten(tmp_path):
    store = filled(tmp_path / "a.db", 1)
    (tmp_path / "b.backup").write_text("mine")
    with pytest.raises(BadInput, match="is there already"):
        backup(store.database, str(tmp_path / "b.backup"))
    with pytest.raises(BadInput, match="is there already"):
        restore(str(tmp_path / "b.backup"), str(tmp_path / "a.db"))


def test_what_is_no_backup_is_refused(tmp_path):
    (tmp_path / "x").write_bytes(b"nothing of ours" * 100)
    with pytest.raises(BadInput, match="is no store of Headcount"):
        restore(str(tmp_path / "x"), str(tmp_path / "c.db"))
    with pytest.raises(BadInput, match="is not there"):
        restore(str(tmp_path / "y"), str(tmp_path / "c.db"))
    assert not (tmp_path / "c.db").exists()
