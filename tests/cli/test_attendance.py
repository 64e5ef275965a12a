"""The command attendance: meetings in files compared with a roster."""

import csv
import io
import json

import pytest
from click.testing import CliRunner
from openpyxl import load_workbook

from headcount.cli import main

NINE = 1_769_850_000_000  # 2026-01-31T09:00:00Z
NAMES = {"a": "Ann", "b": "Bob", "c": "Cy", "e": "Eve"}


def stay(connection, start_min, end_min, **more):
    event = {"room": "math", "participant_id": connection, "user_name": NAMES[connection]} | more
    return [
        event | {"kind": kind, "at": NINE + minute * 60_000}
        for kind, minute in (("join", start_min), ("leave", end_min))
    ]


LESSON = [*stay("a", 0, 60), *stay("b", 12, 60), *stay("c", 0, 20), *stay("e", 0, 60)]
ROSTER = "name,email\nAnn,ann@x.example\nbob,\nCy,\nDora,dora@x.example\n"


@pytest.fixture
def lesson(tmp_path):
    (tmp_path / "e.ndjson").write_text("".join(json.dumps(event) + "\n" for event in LESSON))
    (tmp_path / "roster.csv").write_text(ROSTER)
    return tmp_path


def ask(folder, *options, given=None):
    arguments = ["attendance", folder / "e.ndjson", "--roster", folder / "roster.csv", *options]
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=given)


def statuses(folder, *options):
    found = json.loads(ask(folder, "--json", *options).stdout)
    return {entry["user_name"]: entry["status"] for entry in found["data"]}


def test_the_list_is_a_table_of_everybody_on_the_roster_then_of_others(lesson):
    answer = ask(lesson)
    assert answer.stdout.splitlines() == [
        "Room 'math', 2026-01-31 09:00:00 to 2026-01-31 10:00:00 UTC",
        "4 expected: 1 present, 1 late, 0 left early, 1 partial, 1 absent, 1 unexpected",
        "",
        "Status      Name  Attended        Join      Leave",
        "present     Ann         1h  100%  09:00:00  10:00:00",
        "late        Bob        48m   80%  09:12:00  10:00:00",
        "partial     Cy         20m   33%  09:00:00  09:20:00",
        "absent      Dora",
        "unexpected  Eve         1h  100%  09:00:00  10:00:00",
    ]
    assert answer.stderr == ""


def test_people_are_found_by_the_email_of_their_attributes_in_a_file(lesson):
    pads = [
        {**event, "user_name": "iPad", "attributes": {"email": "Dora@x.example"}}
        for event in stay("e", 0, 60)
    ]
    (lesson / "e.ndjson").write_text("".join(json.dumps(event) + "\n" for event in [*LESSON[:6], *pads]))
    rows = json.loads(ask(lesson, "--json").stdout)["data"]
    assert {row["email"]: row["status"] for row in rows if row["email"]} == {
        "ann@x.example": "present",
        "dora@x.example": "present",
    }


def test_thresholds_are_options(lesson):
    found = statuses(lesson, "--min-attendance", "30%", "--late-after", "15m", "--left-early-before", "1h")
    assert found == {
        "Ann": "present",
        "Bob": "present",
        "Cy": "present",
        "Dora": "absent",
        "Eve": "unexpected",
    }


def test_the_schedule_is_an_option(lesson):
    found = statuses(lesson, "--starts-at", "2026-01-31T09:00:00Z", "--ends-at", "2026-01-31T09:20:00Z")
    assert (found["Cy"], found["Bob"]) == ("present", "partial")


def test_meetings_of_one_schedule_count_together(lesson):
    later = [*LESSON, *stay("a", 70, 90), *stay("b", 70, 90)]
    (lesson / "e.ndjson").write_text("".join(json.dumps(event) + "\n" for event in later))
    period = ("--starts-at", "2026-01-31T09:00:00Z", "--ends-at", "2026-01-31T10:30:00Z")
    found = json.loads(ask(lesson, "--json", *period).stdout)
    assert len(found["meeting_ids"]) == 2
    assert found["data"][0]["scheduled_duration"] == 80 * 60


def test_several_meetings_need_a_choice(lesson):
    later = [*LESSON, *stay("a", 70, 90), *stay("b", 70, 90)]
    (lesson / "e.ndjson").write_text("".join(json.dumps(event) + "\n" for event in later))
    refused = ask(lesson)
    assert refused.exit_code == 2
    assert "the room 'math' has 2 meetings: choose one with --meeting, or a period" in refused.stderr
    chosen = refused.stderr.partition("The latest meetings are ")[2].split()[0]
    assert json.loads(ask(lesson, "--json", "--meeting", chosen).stdout)["meeting_ids"] == [chosen]


def test_a_roster_can_come_from_standard_input(lesson):
    arguments = ["attendance", str(lesson / "e.ndjson"), "--roster", "-", "--json"]
    answer = CliRunner().invoke(main, arguments, input="Eve\n")
    assert json.loads(answer.stdout)["totals"] == {
        "expected": 1, "present": 1, "late": 0, "left_early": 0, "partial": 0, "absent": 0, "unexpected": 3, "ambiguous": 0,
    }  # fmt: skip


def test_the_list_is_written_as_csv(lesson):
    answer = ask(lesson, "--output", lesson / "list.csv")
    assert (answer.stdout, answer.stderr) == ("", f"Wrote {lesson / 'list.csv'}\n")
    rows = list(csv.DictReader(io.StringIO((lesson / "list.csv").read_text("utf-8-sig"))))
    assert [(row["Status"], row["Name"], row["E-mail"]) for row in rows][:2] == [
        ("Present", "Ann", "ann@x.example"), ("Late", "Bob", ""),
    ]  # fmt: skip


def test_the_list_is_written_as_a_workbook(lesson):
    ask(lesson, "--output", lesson / "list.xlsx")
    rows = list(load_workbook(lesson / "list.xlsx").active.values)
    assert [row[:2] for row in rows[-2:]] == [("Absent", "Dora"), ("Unexpected", "Eve")]


def test_ambiguous_and_repeated_lines_are_reported_and_in_no_other_list(lesson):
    (lesson / "roster.csv").write_text("id,name\nx1,Ann\nx2,ann\nx2,Ann\n,Bob\n")
    answer = ask(lesson, "--json")
    assert answer.stderr.splitlines() == [
        "Roster line 2: 'Ann' is ambiguous and not in the list; it fits a. Add user ids to the roster.",
        "Roster line 3: 'ann' is ambiguous and not in the list; it fits a. Add user ids to the roster.",
        "Roster line 4 repeats line 3 and was skipped.",
    ]
    assert [entry["user_name"] for entry in json.loads(answer.stdout)["data"]] == ["Bob", "Cy", "Eve"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--room", "mat"], "there is no meeting in the room 'mat'; rooms with meetings are math"),
        (["--meeting", "x"], "there is no meeting with the id 'x'"),
        (["--min-attendance", "0.5"], "'0.5' must be a percentage from 0% to 100%, like 50%"),
        (["--late-after", "300"], "'300' must be a duration with its unit, like 10s"),
        (["--output", "list.pdf"], "--output 'list.pdf' must end in .csv or .xlsx"),
        (
            ["--starts-at", "2026-01-31T11:00:00Z"],
            "the scheduled time is empty: its start 2026-01-31T11:00:00.000Z must be",
        ),
        (
            ["--starts-at", "2026-02-01T09:00:00Z", "--ends-at", "2026-02-01T10:00:00Z"],
            "there is no meeting in the room between --starts-at and --ends-at",
        ),
        (["--as-of", "2026-01-31T08:00:00Z"], "there are no meetings in these files"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused_with_the_way_to_fix_it(lesson, options, message):
    answer = ask(lesson, *options)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert message in answer.stderr


def test_an_unreadable_roster_is_refused_with_its_name_and_line(lesson):
    (lesson / "roster.csv").write_text("12 3,45 6\n")
    assert f"{lesson / 'roster.csv'}: line 1: no column of user ids" in ask(lesson).stderr
    (lesson / "roster.csv").unlink()
    assert "roster.csv: cannot be opened: no such file or directory" in ask(lesson).stderr
