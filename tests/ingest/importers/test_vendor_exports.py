"""Imports of vendors' exports: all or nothing, and each event once."""

import gzip
import json
import sqlite3
from contextlib import closing
from hashlib import sha256

import pytest
from click.testing import CliRunner

from headcount.cli import main
from headcount.ingest.importers.vendor_exports import detect_formats
from headcount.kernel.attributes import values_of
from headcount.sources.exports.registry import EXPORT_FORMATS
from headcount.sources.registry import SOURCES
from support import ROOT
from support.json_forms import FORMS

CAPTURE = ROOT / "tests/captures/prosody-0.12.3-event-sync.jsonl"
BEGIN = 1_772_442_000


def webhook(event, who, at, **more):
    participant = {"sid": who, "identity": who, "name": who.title(), "joinedAt": str(BEGIN), **more}
    room = {"name": "standup", "sid": "RM_1", "creationTime": str(BEGIN)}
    payload = {"event": f"participant_{event}", "room": room, "participant": participant}
    return json.dumps(payload | {"id": f"EV_{event}_{who}", "createdAt": str(BEGIN + at)})


ANN_AND_BOB = "\n".join(
    [webhook("joined", "ann", 0), webhook("joined", "bob", 0), webhook("left", "bob", 60), webhook("left", "ann", 90)]
)  # fmt: skip
ANN_AND_BOBS_MEETING = (
    "standup",
    "09:00:00",
    "09:01:30",
    [("Ann", "09:00:00", "09:01:30", "reported"), ("Bob", "09:00:00", "09:01:00", "reported")],
)


def test_a_log_of_webhooks_becomes_meetings(store):
    done = store.import_export("livekit", store.file("log.jsonl", ANN_AND_BOB))
    assert done.stdout == "Imported 4 events. Skipped 0 duplicates and 0 other rows.\n"
    assert store.meetings() == [ANN_AND_BOBS_MEETING]


def test_captured_requests_are_imported(store):
    done = store.import_export("jitsi", CAPTURE)
    assert done.stdout == "Imported 6 events. Skipped 2 duplicates and 1 other rows.\n"
    assert "skipped: 1 row without a join, leave or end (" in done.stderr
    assert store.meetings() == []  # they stay for two seconds


def test_the_same_file_again_changes_nothing(store):
    log = store.file("log.jsonl", ANN_AND_BOB)
    store.import_export("livekit", log)
    assert (
        store.import_export("livekit", log).stdout
        == "Imported 0 events. Skipped 4 duplicates and 0 other rows.\n"
    )
    assert store.meetings() == [ANN_AND_BOBS_MEETING]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_log_of_any_form_becomes_the_same_meetings(store, form, encoding):
    text = form([json.loads(line) for line in ANN_AND_BOB.splitlines()])
    log = store.file("log", text.encode(encoding))
    assert detect_formats(str(log))[0] == "livekit"
    store.import_export("livekit", log)
    assert store.meetings() == [ANN_AND_BOBS_MEETING]


def test_the_format_of_a_log_larger_than_a_megabyte_is_detected(store):
    log = [json.loads(webhook("joined", f"p{number}", 0)) for number in range(4_000)]
    for form in FORMS:
        text = form(log)
        assert len(text) > 1_000_000
        assert "livekit" in detect_formats(str(store.file("log", text)))


def test_a_gzip_file_is_decompressed_whatever_its_name(store):
    store.import_export("livekit", store.file("log.1", gzip.compress(ANN_AND_BOB.encode())))
    assert store.meetings() == [ANN_AND_BOBS_MEETING]


def test_standard_input_is_read(store):
    assert store.import_export("livekit", "-", input=ANN_AND_BOB).stdout.startswith("Imported 4 events.")


def test_imported_events_are_never_late(store):
    first, second = ANN_AND_BOB.splitlines()[0], "\n".join(ANN_AND_BOB.splitlines()[1:])
    store.import_export("livekit", store.file("second", second))
    store.import_export("livekit", store.file("first", first))
    assert store.meetings() == [ANN_AND_BOBS_MEETING]


def test_a_bad_line_is_named_and_nothing_is_imported(store):
    good = store.file("good.jsonl", ANN_AND_BOB)
    bad = store.file("bad.jsonl", ANN_AND_BOB + "\n\n{\n[7]\n")
    refused = store.import_export("livekit", good, bad)
    assert refused.exit_code == 2
    assert f"{bad}, line 6: not JSON: " in refused.stderr
    assert "(and 1 more invalid row). Use --skip-invalid to skip such rows." in refused.stderr
    assert not store.database.exists()


def test_bad_lines_are_skipped_on_request(store):
    bad = store.file("bad.jsonl", ANN_AND_BOB + "\n{\n")
    done = store.import_export("livekit", bad, "--skip-invalid")
    assert done.stdout == "Imported 4 events. Skipped 0 duplicates and 1 other rows.\n"
    assert (
        f"skipped: {bad}, line 5: the JSON that starts here does not end: the file is cut off" in done.stderr
    )
    assert store.meetings() == [ANN_AND_BOBS_MEETING]


def test_only_the_first_bad_lines_are_shown(store):
    done = store.import_export("livekit", store.file("bad.jsonl", ANN_AND_BOB + "\n{" * 9), "--skip-invalid")
    assert done.stderr.count("skipped: ") == 6
    assert "skipped: 4 more invalid rows" in done.stderr


RECORDER = "\n".join([webhook("joined", "rec", 0, kind="EGRESS"), webhook("left", "rec", 120, kind="EGRESS")])


def test_excluded_participants_are_reported(store):
    done = store.import_export("livekit", store.file("log.jsonl", ANN_AND_BOB + "\n" + RECORDER))
    assert done.stdout == "Imported 4 events. Skipped 0 duplicates and 2 other rows.\n"
    assert "skipped: 2 events of the role recorder (--include-role recorder imports them)" in done.stderr
    assert store.meetings() == [ANN_AND_BOBS_MEETING]


def test_excluded_participants_count_on_request(store):
    log = store.file("log.jsonl", ANN_AND_BOB + "\n" + RECORDER)
    done = store.import_export("livekit", log, "--include-role", "recorder")
    assert done.stdout == "Imported 6 events. Skipped 0 duplicates and 0 other rows.\n"
    assert store.meetings()[0][2] == "09:02:00"


def test_an_export_of_headcount_in_dailys_form_gives_the_same_meetings(store):
    monday = str(ROOT / "docs/examples/monday.csv")
    dump = CliRunner().invoke(main, ["sessionize", monday, "--format", "daily", "--quiet"]).stdout
    store.import_export("daily-meetings", store.file("dump.json", dump))
    assert [(room, start, end) for room, start, end, _ in store.meetings()] == [
        ("standup", "09:00:00", "09:22:00"),
        ("standup", "09:22:00", "09:45:00"),
    ]


@pytest.mark.parametrize("files", [("--source", "livekit", "log.jsonl"), ("events.ndjson",)])
def test_open_stays_are_closed_as_by_the_service_and_by_a_rebuild(store, files):
    store.file("log.jsonl", webhook("joined", "ann", 0))
    joined = {
        "room": "standup",
        "participant_id": "ann",
        "user_name": "Ann",
        "kind": "join",
        "at": BEGIN * 1_000,
    }
    store.file("events.ndjson", json.dumps(joined))
    *options, name = files
    store.run("import", *options, store.folder / name, "--stale-after", "1h")
    assert store.meetings()[0][3] == [("Ann", "09:00:00", "10:00:00", "timeout")]
    assert store.run("rebuild", "--check", "--stale-after", "1h").exit_code == 0


def test_a_later_export_overrides_inferred_leaves_of_an_ongoing_meeting(store):
    who = {"participant_id": "p1", "user_id": None, "user_name": "Ann", "join_time": BEGIN}
    meeting = {"id": "m1", "room": "standup", "start_time": BEGIN, "max_participants": 1}
    early = meeting | {"ongoing": True, "duration": 60, "participants": [who | {"duration": 60}]}
    late = meeting | {"ongoing": False, "duration": 90, "participants": [who | {"duration": 90}]}
    store.import_export("daily-meetings", store.file("early", json.dumps(early)))
    assert store.meetings()[0][3] == [("Ann", "09:00:00", "09:01:00", "timeout")]
    store.import_export("daily-meetings", store.file("late", json.dumps(late)))
    assert store.meetings()[0][3] == [("Ann", "09:00:00", "09:01:30", "reported")]


ZOOM = ROOT / "docs/examples/zoom-report.csv"
ZONE = ("--timezone", "Europe/Berlin")


def test_a_zoom_report_becomes_a_meeting(store):
    done = store.import_export("zoom-report", ZOOM, *ZONE)
    assert done.stdout == "Imported 3 events. Skipped 0 duplicates and 1 other rows.\n"
    assert store.meetings() == [
        (
            "81234567890",
            "13:00:00",
            "13:30:10",
            [
                ("Smith, Ann", "13:00:00", "13:30:10", "reported"),
                ("Bob", "13:02:05", "13:20:00", "reported"),
                ("Bob", "13:21:40", "13:30:10", "reported"),
            ],
        )
    ]


def stays_of(store):
    with closing(sqlite3.connect(store.database)) as database:
        stays = database.execute("select user_name, attributes from stays order by join_ms, user_name")
        return [(name, values_of(attributes)) for name, attributes in stays.fetchall()]


def test_the_stays_of_a_zoom_report_have_the_address_and_the_role_of_the_host(store):
    store.import_export("zoom-report", ZOOM, *ZONE)
    assert stays_of(store) == [
        ("Smith, Ann", {"email": "ann@example.com", "guest": False, "role": "host"}),
        ("Bob", {"guest": True}),
        ("Bob", {"guest": True}),
    ]


def test_attributes_are_mapped_from_a_column_of_a_report(store):
    store.import_export("zoom-report", ZOOM, *ZONE, "--attribute", "minutes=Duration (minutes)", "--attribute", "guest=Guest")  # fmt: skip
    assert stays_of(store) == [
        ("Smith, Ann", {"email": "ann@example.com", "guest": "No", "minutes": "31", "role": "host"}),
        ("Bob", {"guest": "Yes", "minutes": "18"}),
        ("Bob", {"guest": "Yes", "minutes": "9"}),
    ]


def test_attributes_are_mapped_from_a_log_of_webhooks(store):
    place = ("--attribute", "customer=/participant/metadata/org/id", "--attribute", "sid=/room/sid")
    log = "\n".join(
        [
            webhook("joined", "ann", 0, metadata='{"org": {"id": 7}, "plan": "pro"}'),
            webhook("left", "ann", 90),
        ]
    )
    store.import_export("livekit", store.file("log.jsonl", log), *place)
    assert stays_of(store) == [("Ann", {"customer": 7, "plan": "pro", "sid": "RM_1"})]


@pytest.mark.parametrize(
    ("kind", "mapping", "message"),
    [
        ("zoom-report", "customer", "expected KEY=COLUMN, such as customer=Organization, got 'customer'"),
        ("livekit", "=/room/sid", "expected KEY=POINTER, such as customer=/room/metadata/customer, got '=/room/sid'"),
        ("livekit", "sid=room", "attribute 'sid': expected a JSON Pointer, which starts with a slash"),
        ("zoom-report", "customer=Company", "zoom-report.csv: has no column 'Company' for the attribute 'customer'. Columns are Name"),
        ("daily-meetings", "customer=id", "--attribute does not apply to daily-meetings"),
    ],
)  # fmt: skip
def test_a_wrong_mapping_of_an_attribute_is_refused_and_nothing_is_imported(store, kind, mapping, message):
    refused = store.import_export(kind, ZOOM, "--attribute", mapping)
    assert (refused.exit_code, store.database.exists()) == (2, False)
    assert message in refused.stderr


@pytest.mark.parametrize("fmt", ["parquet", "csv", "ndjson"])
def test_the_attributes_of_a_report_survive_an_export_and_an_import(store, tmp_path, fmt):
    store.import_export("zoom-report", ZOOM, *ZONE, "--attribute", "minutes=Duration (minutes)")
    store.run("export", "-o", tmp_path / "out", "--format", fmt)
    other = type(store)(tmp_path / "other")
    other.folder.mkdir()
    imported = other.run("import", tmp_path / "out" / f"events.{fmt}")
    assert imported.exit_code == 0, imported.stderr
    assert stays_of(other) == stays_of(store)
    assert len(stays_of(other)) == 3


def test_each_imported_event_names_its_file_and_the_hash_of_it(store):
    packed = store.file("packed.gz", gzip.compress(ANN_AND_BOB.encode()))
    plain = store.file("plain.jsonl", webhook("joined", "cid", 0))
    store.import_export("livekit", packed, plain, "--close-open")
    store.import_export("livekit", "-", input=webhook("joined", "dee", 0))
    with closing(sqlite3.connect(store.database)) as database:
        found = {*database.execute("select participant_id, sender, digest from entries")}
    assert found == {
        ("ann", "file:packed.gz", sha256(packed.read_bytes()).digest()),
        ("bob", "file:packed.gz", sha256(packed.read_bytes()).digest()),
        ("cid", "file:plain.jsonl", sha256(plain.read_bytes()).digest()),
        ("cid", None, None),
        ("dee", "file:-", sha256(webhook("joined", "dee", 0).encode()).digest()),
    }


def test_a_report_imported_again_changes_nothing_in_any_order_of_its_rows(store):
    store.import_export("zoom-report", ZOOM, *ZONE)
    head, rows = ZOOM.read_text().splitlines()[:4], ZOOM.read_text().splitlines()[4:]
    turned = store.file("turned.csv", "\n".join([*head, *reversed(rows)]))
    assert store.import_export("zoom-report", turned, *ZONE).stdout.startswith(
        "Imported 0 events. Skipped 3 duplicates"
    )


def test_without_a_zone_nothing_is_imported(store):
    refused = store.import_export("zoom-report", ZOOM)
    assert (refused.exit_code, store.database.exists()) == (2, False)
    assert "Name the time zone, such as --timezone Europe/Berlin" in refused.stderr


def test_an_unknown_zone_is_refused(store):
    refused = store.import_export("zoom-report", ZOOM, "--timezone", "Berlin")
    assert (refused.exit_code, "no zone is called 'Berlin'" in refused.stderr) == (2, True)


def test_skipped_rows_are_counted_by_reason_and_the_first_lines_are_named(store):
    rows = "Name,User Email,Join Time,Leave Time\n" + "Bob,,,\n" * 7 + "Cid,,--,--\n" * 2
    first, second = store.file("a.csv", rows), store.file("b.csv", "Name,Join Time,Leave Time\nDee,,")
    options = ("--room", "r", *ZONE)
    shown = store.import_export("zoom-report", second, first, *options).stderr
    lines = ", ".join(f"line {number}" for number in (2, 3, 4, 5))
    assert f"skipped: 10 rows without times ({second}, line 2; {first}, {lines}, \u2026)" in shown
    counted = json.loads(store.import_export("zoom-report", second, first, *options, "--json").stdout)
    assert (counted["imported"], counted["skipped_rows"]) == (0, {"without times": 10})


def test_a_waiting_room_counts_on_request(store):
    assert store.import_export("zoom-report", ZOOM, *ZONE, "--include-role", "hidden").stdout.startswith(
        "Imported 4 events."
    )


def test_a_recording_of_bigbluebutton_becomes_a_meeting(store):
    store.import_export("bbb-events", ROOT / "docs/examples/bbb-events.xml", "--room", "maths")
    assert store.meetings() == [
        ("maths", "09:00:00", "09:01:00", [("Ann", "09:00:00", "09:01:00", "room_ended")])
    ]


def test_the_end_of_a_meeting_ends_no_other_of_the_same_name(store):
    """Two meetings of BigBlueButton that the operator calls by one name, one within the other."""
    one = (ROOT / "docs/examples/bbb-events.xml").read_text()
    long = one.replace("7b64", "aaaa").replace("w_7es", "w_long").replace("1772442060000", "1772442600000")
    store.import_export("bbb-events", store.file("a.xml", one), store.file("b.xml", long), "--room", "maths")
    (meeting,) = store.meetings()
    assert sorted(leave for _, _, leave, _ in meeting[3]) == ["09:01:00", "09:10:00"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (b"\x1f\x8b\x08broken", "the gzip file is cut off or damaged"),
        (
            ANN_AND_BOB.replace("standup", "x" * 513).encode(),
            "room must be at most 512 characters [Received 513]: 'xxx",
        ),
    ],
)
def test_an_invalid_file_is_refused(store, content, words):
    file = store.file("log.jsonl", content)
    refused = store.import_export("livekit", file)
    assert (refused.exit_code, refused.stderr.startswith(f"headcount: {file}: ")) == (2, True)
    assert words in refused.stderr


def test_a_missing_file_is_refused(store):
    refused = store.import_export("livekit", "missing.jsonl")
    assert (refused.exit_code, refused.stderr) == (2, "headcount: missing.jsonl: there is no such file\n")
    assert "is a directory. Name the files in it" in store.import_export("livekit", store.folder).stderr


def test_an_event_in_the_future_is_refused(store):
    log = ANN_AND_BOB.replace(str(BEGIN), str(BEGIN + 900_000_000))
    assert "in the future" in store.import_export("livekit", store.file("log.jsonl", log)).stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--source", "webex"], f"Formats are {', '.join(EXPORT_FORMATS)}"),
        (["--source", "livekit", "--room", "r"], "--room does not apply to livekit: its events name their rooms"),
        (["--source", "livekit", "--timezone", "UTC"], "--timezone does not apply to livekit: its times are unambiguous"),
        (["--source", "livekit", "--date-order", "dmy"], "--date-order does not apply to livekit"),
        (["--source", "livekit", "--include-role", "cats"], "--include-role: expected one of person, phone"),
        (["--timezone", "UTC"], "--timezone needs --source"),
        (["--include-role", "recorder"], "--include-role needs --source"),
    ],
)  # fmt: skip
def test_options_that_contradict_each_other_are_refused(store, options, words):
    refused = store.run("import", store.file("log.jsonl", ANN_AND_BOB), *options)
    assert refused.exit_code == 2
    assert words in refused.stderr


@pytest.mark.parametrize("kind", sorted(EXPORT_FORMATS.keys() - SOURCES.keys()))
def test_every_export_format_is_documented(kind):
    assert f"| `{kind}` |" in (ROOT / "docs/how-to/import-history.md").read_text()
