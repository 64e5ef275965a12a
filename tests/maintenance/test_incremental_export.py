"""Incremental exports: the newest revisions of a data set are the full export, at each moment, whatever has happened."""

import tempfile
from contextlib import closing
from operator import itemgetter
from pathlib import Path
from random import Random

import duckdb
import pyarrow.parquet as pq
import pytest

from headcount.batch.io.data_set import DataSet, locked
from headcount.engine.engine import Engine
from headcount.engine.erasure import new_eraser
from headcount.errors import BadInput
from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import Rules
from headcount.maintenance.export import export_domain
from headcount.maintenance.incremental_export import export_changes
from headcount.store.backup import backup
from headcount.store.data_subjects import Selector, SelectorKind
from headcount.store.erasures import Mode, State
from headcount.store.open import open_store
from headcount.store.replacement import copy_log, replace_tables
from support.changing_lives import ChangingLife
from support.engines import NEW_YEAR
from support.lives import HOUR, MINUTE
from support.stored import DOMAIN, IN_MEMORY, StoredEngine

MEETINGS = """
select * exclude (date, revision, exported_at, deleted)
from (
  from read_parquet('{folder}/meetings/*/*.parquet', hive_partitioning = true)
  qualify row_number() over (partition by id order by revision desc) = 1
)
where not deleted
order by id
"""
PARTICIPANTS = """
select p.* exclude (date, revision, exported_at)
from read_parquet('{folder}/participants/*/*.parquet', hive_partitioning = true) as p
join (
  from read_parquet('{folder}/meetings/*/*.parquet', hive_partitioning = true)
  qualify row_number() over (partition by id order by revision desc) = 1
) as m on m.id = p.meeting_id and m.revision = p.revision
where not m.deleted
order by p.meeting_id, p.join, p.participant_id
"""


class ErasingEngine(StoredEngine):
    def start(self):
        self.engine = Engine(
            self.store, self.rules, self.store.projections.take_over(), eraser=new_eraser(self.store.database)
        )


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as made:
        yield Path(made)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request, folder):
    url = (
        str(folder / "a.db") if request.param == "sqlite" else request.getfixturevalue("postgres").database()
    )
    with closing(open_store(url, durability="off")) as opened:
        yield opened


def folded(folder):
    """The newest revisions, as DuckDB finds them."""
    tables = {}
    for name, text in (("meetings", MEETINGS), ("participants", PARTICIPANTS)):
        found = list(folder.glob(f"{name}/*/*.parquet"))
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute("set timezone = 'UTC'")
            tables[name] = (
                connection.sql(text.format(folder=folder)).to_arrow_table().to_pylist() if found else []
            )
    return tables


def full(store, folder, now):
    export_domain(store, DOMAIN, str(folder), "parquet", now)
    return {
        name: sorted(pq.read_table(folder / f"{name}.parquet").to_pylist(), key=itemgetter(*key))
        for name, key in (("meetings", ("id",)), ("participants", ("meeting_id", "join", "participant_id")))
    }


def crash(folder, chance):
    """Leave what a crash during the last export leaves: without the cursor, and without some files, those of meetings first."""
    revision = DataSet(folder).cursors()[-1]
    (folder / f"_cursors/{revision:06}.json").unlink()
    for table in ("meetings", "participants"):
        files = sorted(folder.glob(f"{table}/*/{revision:06}.parquet"))
        missing = chance.randrange(len(files) + 1)
        for file in files[len(files) - missing :]:
            file.unlink()
        if missing < len(files):
            return


@pytest.mark.parametrize("seed", range(3))
def test_the_newest_revisions_are_the_full_export_at_each_step(store, folder, seed, monkeypatch):
    # An erasure takes many steps, so that exports are in the middle of it.
    monkeypatch.setattr("headcount.engine.erasure._REWRITTEN", 1)
    monkeypatch.setattr("headcount.engine.erasure._ROOMS", 1)
    chance, life = Random(seed), ChangingLife(store, seed, NEW_YEAR, hours=5)
    exported = compared_all = 0
    for now in life.rounds():
        if chance.random() < 0.5 and now < life.until:
            continue
        result = export_changes(store, DOMAIN, folder / "set", "last", now)
        assert folded(folder / "set") == full(store, folder / "full", now)
        exported, compared_all = exported + 1, compared_all + result.compared_all
        if chance.random() < 0.2:
            crash(folder / "set", chance)
    assert exported > 4
    # The first export compares everything, and so does one after a crash of the first.
    assert compared_all < exported / 2
    again = export_changes(store, DOMAIN, folder / "set", "start", now)
    assert (again.compared_all, again.meetings, again.deleted) == (True, 0, 0)


@pytest.fixture
def stored(folder):
    """A store in which two people met in two rooms, which was exported."""
    made = ErasingEngine(folder, Rules())
    for room in ("blue", "red"):
        made.append(*met(room, "p-1", "p-2"))
    made.show(NEW_YEAR + HOUR)
    export_changes(made.store, DOMAIN, folder / "set", "last", NEW_YEAR + HOUR)
    yield made
    made.close()


def met(room, *who, at=0):
    for number, one in enumerate(who):
        names = {"user_id": f"u-{one}", "user_name": f"Name of {one}"}
        yield Event(Kind.JOIN, room, NEW_YEAR + at + number, one, **names)
        yield Event(Kind.LEAVE, room, NEW_YEAR + at + 10 * MINUTE, one)


def same_as_full(stored, folder, now=NEW_YEAR + HOUR, since="last"):
    result = export_changes(stored.store, DOMAIN, folder / "set", since, now)
    assert folded(folder / "set") == full(stored.store, folder / "full", now)
    return result


def test_an_erasure_is_exported_after_each_of_its_steps(stored, folder, monkeypatch):
    monkeypatch.setattr("headcount.engine.erasure._REWRITTEN", 1)
    monkeypatch.setattr("headcount.engine.erasure._ROOMS", 1)
    person = Selector(SelectorKind.USER_ID, "u-p-1")
    now = NEW_YEAR + HOUR
    erasure = stored.store.erasures.request(DOMAIN, person, Mode.ERASE, now, now, "test")
    changes = []
    while stored.store.erasures.find(DOMAIN, erasure.number).state is not State.DONE:
        stored.engine.step(now)
        changes.append(same_as_full(stored, folder).meetings)
    assert changes.count(1) == 2
    assert same_as_full(stored, folder).meetings == 0
    with stored.store.database.reading() as connection:
        assert connection.query("select count(*) from stays where user_name = 'Name of p-1'", {}) == [(0,)]


def test_tables_that_were_rebuilt_are_compared_as_a_whole(stored, folder):
    rebuilt = StoredEngine(folder, Rules(min_stay_ms=20 * MINUTE))
    copy_log(stored.store.database, rebuilt.store.database)
    rebuilt.show(NEW_YEAR + HOUR)
    replace_tables(rebuilt.store.database, stored.store.database)
    rebuilt.close()
    result = same_as_full(stored, folder)
    assert (result.compared_all, result.deleted, folded(folder / "set")["meetings"]) == (True, 2, [])


def test_an_older_copy_of_the_database_is_compared_as_a_whole(stored, folder):
    """It has other entries at the positions that were exported."""
    copy = folder / "copy.db"
    backup(stored.store.database, str(copy))
    stored.append(*met("green", "p-3", "p-4"), received=1)
    stored.show(NEW_YEAR + HOUR)
    same_as_full(stored, folder)
    stored.store.close()
    copy.rename(stored.path)
    stored.store = open_store(str(stored.path), durability="off")
    stored.start()
    stored.append(*met("gray", "p-3", "p-4"), *met("black", "p-3", "p-4"), received=2)
    stored.show(NEW_YEAR + HOUR)
    result = same_as_full(stored, folder)
    assert (result.compared_all, result.meetings, result.deleted) == (True, 2, 1)


def test_an_earlier_cursor_finds_the_same_changes_again_and_writes_none_twice(stored, folder):
    stored.append(*met("green", "p-3", "p-4"))
    stored.show(NEW_YEAR + HOUR)
    assert same_as_full(stored, folder, since="1").meetings == 1
    again = same_as_full(stored, folder, since="1")
    assert (again.compared_all, again.meetings, again.files) == (False, 0, [])


@pytest.mark.parametrize("since", ["9", "yesterday", "-1", "0"])
def test_an_unknown_cursor_is_refused_with_those_that_are_known(stored, folder, since):
    with pytest.raises(
        BadInput, match=rf"the cursor of an export into this directory \(1 to 1\), got '{since}'"
    ):
        export_changes(stored.store, DOMAIN, folder / "set", since, NEW_YEAR + HOUR)


def test_a_directory_belongs_to_one_domain_and_one_export_at_a_time(stored, folder):
    with pytest.raises(BadInput, match="has the export of the domain 'default', not of 'other'"):
        export_changes(stored.store, "other", folder / "set", "last", NEW_YEAR + HOUR)
    with locked(folder / "set"), pytest.raises(BadInput, match="another export writes into this directory"):
        export_changes(stored.store, DOMAIN, folder / "set", "last", NEW_YEAR + HOUR)
