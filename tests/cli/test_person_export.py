"""The command privacy export."""

import json

import pytest
from click.testing import CliRunner

from headcount.cli import main
from headcount.kernel.events import Event, Kind
from headcount.store.archive import ArchivedEntry
from headcount.store.dedup import entry_of
from headcount.store.open import open_store
from headcount.store.records import Origin
from headcount.store.shard_sink import Progress, ShardSink
from support.archives import write_archive
from support.engines import NEW_YEAR


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "headcount.db"
    store = open_store(str(path))
    people = [("a1", "anna"), ("b1", "bob")]
    events = [
        Event(Kind.JOIN, "blue", NEW_YEAR, who, user_id=user, user_name=user.title()) for who, user in people
    ]
    store.log.append([[entry_of(event, "acme", NEW_YEAR, Origin.LIVE) for event in events]])
    store.close()
    return path


def ask(database, *arguments):
    command = ["privacy", "export", *arguments, "--database", database, "--domain", "acme"]
    return CliRunner().invoke(main, [str(argument) for argument in command])


def test_a_person_is_exported_to_a_directory(database, tmp_path):
    done = ask(database, "--user", "anna", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "1  log_entries" in done.stdout
    data = json.loads((tmp_path / "out" / "data.json").read_text())
    assert data["selector"] == {"user_id": "anna"}
    assert [one["user_name"] for one in data["log_entries"]] == ["Anna"]
    assert not any("Bob" in one.read_text("utf-8-sig") for one in (tmp_path / "out").iterdir())


def test_the_result_is_json_on_request(database, tmp_path):
    done = ask(database, "--participant", "b1", "-o", tmp_path / "bob.zip", "--json")
    found = json.loads(done.stdout)
    assert found["files"] == [str(tmp_path / "bob.zip")]
    assert found["rows"]["log_entries"] == 1


def test_nobody_is_an_error_with_a_fix(database, tmp_path):
    done = ask(database, "--user", "ann", "-o", tmp_path / "ann.zip")
    assert done.exit_code == 2
    assert "the domain 'acme' has nothing about the user id 'ann'. Check the spelling" in done.stderr
    assert not (tmp_path / "ann.zip").exists()


@pytest.mark.parametrize("options", [(), ("--user", "anna", "--participant", "a1")])
def test_the_person_is_named_in_one_way(database, tmp_path, options):
    done = ask(database, *options, "-o", tmp_path / "x.zip")
    assert done.exit_code == 2
    assert "one of --user, --participant and --attribute" in done.stderr


@pytest.fixture
def cluster(database):
    """The same database, on which a live query has reported."""
    store = open_store(str(database))
    ShardSink(store.database).report(Progress(1, 0, 1, 1, 0, 0), store.projections.take_over())
    store.close()
    return database


def test_on_a_cluster_the_archive_is_exported(cluster, tmp_path):
    refused = ask(cluster, "--user", "anna", "-o", tmp_path / "anna.zip")
    assert refused.exit_code == 2
    assert "--archive" in refused.stderr
    join = Event(Kind.JOIN, "green", NEW_YEAR, "a7", user_id="anna", user_name="Anna")
    events = [
        join,
        Event(Kind.LEAVE, "green", NEW_YEAR + 5, "a7"),
        Event(Kind.JOIN, "green", NEW_YEAR, "b7", user_id="bob"),
    ]
    entries = [entry_of(event, "acme", NEW_YEAR, Origin.LIVE) for event in events]
    archived = [ArchivedEntry(entry, offset, False) for offset, entry in enumerate(entries)]
    write_archive(tmp_path / "archive", archived, 2)
    done = ask(cluster, "--user", "anna", "-o", tmp_path / "out", "--archive", tmp_path / "archive")
    assert done.exit_code == 0, done.output
    data = json.loads((tmp_path / "out" / "data.json").read_text())
    assert {(one["room"], one["kind"], one["participant_id"]) for one in data["log_entries"]} == {
        ("blue", "join", "a1"),
        ("green", "join", "a7"),
        ("green", "leave", "a7"),
    }


def test_on_a_cluster_nobody_is_erased(cluster):
    command = ["privacy", "erase", "--user", "anna", "--yes", "--domain", "acme", "--database", str(cluster)]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2
    assert "where nobody can be erased" in done.stderr


def test_a_file_that_cannot_be_written_is_named(database, tmp_path):
    (tmp_path / "file").write_text("")
    done = ask(database, "--user", "anna", "-o", tmp_path / "file" / "anna.zip")
    assert done.exit_code == 2
    assert "cannot be written" in done.stderr


def test_nothing_is_requested_while_the_list_of_erasures_cannot_be_written(database, tmp_path):
    at = ["--database", str(database), "--domain", "acme"]
    erase = ["privacy", "erase", "--user", "anna", "--yes", *at]
    done = CliRunner().invoke(main, [*erase, "--erasure-list", str(tmp_path / "nothing" / "list")])
    assert done.exit_code == 2
    assert "list: cannot be written: no such directory, or permission denied" in done.stderr
    listed = CliRunner().invoke(main, ["privacy", "erasures", "--json", *at])
    assert json.loads(listed.stdout) == []
