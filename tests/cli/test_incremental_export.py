"""The command export --since."""

import json

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from headcount.cli import main
from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import Rules
from support.engines import NEW_YEAR
from support.stored import StoredEngine


@pytest.fixture
def stored(tmp_path):
    """A store on which an engine runs, as under a server."""
    made = StoredEngine(tmp_path, Rules())
    yield made
    made.close()


def meet(stored, room):
    for who in ("ada", "bob"):
        stored.append(Event(Kind.JOIN, room, NEW_YEAR, who), Event(Kind.LEAVE, room, NEW_YEAR + 600_000, who))
    stored.show(NEW_YEAR + 3_600_000)


def export(stored, folder, *arguments):
    command = ["export", "-o", folder, "--database", stored.path, *arguments]
    return CliRunner().invoke(main, [str(argument) for argument in command])


def test_each_export_adds_what_has_changed_and_prints_the_next_cursor(stored, tmp_path):
    meet(stored, "blue")
    done = export(stored, tmp_path / "set", "--since", "last")
    assert done.exit_code == 0, done.output
    assert (
        "Revision 1: 1 new or changed meetings and 0 deleted ones. Next: --since 1, or --since last"
        in done.stderr
    )
    meet(stored, "red")
    found = json.loads(export(stored, tmp_path / "set", "--since", "1", "--json").stdout)
    files = [
        tmp_path / f"set/{table}/date=2026-01-01/000002.parquet" for table in ("meetings", "participants")
    ]
    assert found == {
        "domain": "default", "cursor": "2", "compared_all": False, "meetings": 1, "participants": 2, "deleted": 0,
        "files": [str(file) for file in files],
    }  # fmt: skip
    assert pq.ParquetFile(files[0]).read()["room"].to_pylist() == ["red"]
    nothing = json.loads(export(stored, tmp_path / "set", "--since", "last", "--json").stdout)
    assert (nothing["cursor"], nothing["files"]) == ("3", [])


def test_the_tables_of_a_cluster_are_compared_as_a_whole(stored, tmp_path):
    meet(stored, "blue")
    export(stored, tmp_path / "set", "--since", "last")
    with stored.store.database.writing() as connection:
        connection.run_text("insert into shards (shard, round, next_offset, time_ms) values (0, 1, 1, 1)")
        connection.run_text("delete from meetings")
    found = json.loads(export(stored, tmp_path / "set", "--since", "last", "--json").stdout)
    assert (found["compared_all"], found["deleted"]) == (True, 1)


def test_another_format_and_an_unknown_cursor_are_refused(stored, tmp_path):
    meet(stored, "blue")
    for arguments, message in (
        (("--since", "last", "--format", "csv"), "--since writes Parquet: remove --format"),
        (
            ("--since", "7"),
            "expected 'start', 'last' or the cursor of an export into this directory (none), got '7'",
        ),
    ):
        done = export(stored, tmp_path / "set", *arguments)
        assert (done.exit_code, message in done.stderr) == (2, True), done.stderr
