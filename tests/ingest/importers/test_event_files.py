"""Event files become log entries with the attributes of their rows and the provenance of their file."""

import gzip
import json
import sqlite3
from contextlib import closing
from hashlib import sha256

HEADER = "room,participant_id,kind,at,account\n"
EVENT = {"room": "r", "participant_id": "p", "kind": "leave", "at": 1_772_442_060_000}


def logged(store, columns):
    with closing(sqlite3.connect(store.database)) as database:
        return database.execute(f"select {columns} from entries order by position").fetchall()


def test_each_entry_has_the_name_and_the_digest_of_its_own_file(store, tmp_path):
    paths = [tmp_path / "north.csv", tmp_path / "south.csv.gz", tmp_path / "deep" / "west.ndjson"]
    rows = [f"r,p{number},join,2026-03-02 09:00:00Z,acme\n" for number in range(4)]
    paths[0].write_text(HEADER + "".join(rows[:3]))
    paths[1].write_bytes(gzip.compress(f"{HEADER}{rows[3]}".encode()))
    paths[2].parent.mkdir()
    paths[2].write_text(json.dumps(EVENT) + "\n")
    assert store.run("import", *paths[:2], paths[2].parent).exit_code == 0
    sent = [(f"file:{path.name}", sha256(path.read_bytes()).digest()) for path in paths]
    assert logged(store, "sender, digest") == [*[sent[0]] * 3, *sent[1:]]


def test_standard_input_has_no_provenance(store):
    assert store.run("import", "-", input=json.dumps(EVENT) + "\n").exit_code == 0
    assert logged(store, "sender, digest") == [(None, None)]


def test_entries_have_attributes_also_of_mapped_columns(store, tmp_path):
    path = tmp_path / "events.csv"
    path.write_text(f"{HEADER}r,p,join,2026-03-02 09:00:00Z,acme\nr,q,join,2026-03-02 09:00:00Z,\n")
    assert store.run("import", path, "--attribute", "customer=account").exit_code == 0
    assert logged(store, "participant_id, attributes") == [("p", '{"customer":"acme"}'), ("q", None)]


def test_the_limits_of_the_settings_apply_to_attributes(store, tmp_path, monkeypatch):
    path = tmp_path / "events.ndjson"
    path.write_text(json.dumps(EVENT | {"attributes": {"a": 1, "b": 2}}) + "\n")
    assert store.run("import", path).exit_code == 0
    monkeypatch.setenv("HEADCOUNT_MAX_ATTRIBUTES", "1")
    refused = store.run("import", path)
    assert "line 1: attributes must have at most 1 keys (max_attributes) [Received 2]" in refused.stderr
    assert logged(store, "attributes") == [('{"a":1,"b":2}',)]
