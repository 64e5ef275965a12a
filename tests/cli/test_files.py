"""The command line: what it answers, where, and with which exit code."""

import json
import signal
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from headcount.cli import main

NINE = 1_769_850_000_000  # 2026-01-31T09:00:00Z


def event(kind, participant, seconds, **more):
    return {"room": "blue", "participant_id": participant, "kind": kind, "at": NINE + seconds * 1_000} | more


STORY = [
    event("join", "ada", 0, user_name="Ada"),
    event("join", "bob", 15),
    event("leave", "ada", 20),
    event("leave", "bob", 45),
    event("join", "cyn", 100),
    event("leave", "cyn", 105),
    event("leave", "dan", 110),
]


def ask(*arguments, given=None):
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=given)


def lines(*events):
    return "".join(json.dumps(one) + "\n" for one in events)


@pytest.fixture
def story(tmp_path):
    path = tmp_path / "story.ndjson"
    path.write_text(lines(*STORY))
    return path


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


# What it answers


def test_meetings_are_shown_as_a_table(story):
    answer = ask("sessionize", story)
    assert answer.exit_code == 0
    assert answer.stdout.splitlines()[1].split() == [
        "blue", "2026-01-31", "09:00:00.000", "2026-01-31", "09:00:45.000", "0:00:45", "2", "2",
    ]  # fmt: skip


def test_only_the_first_twenty_meetings_are_shown(tmp_path):
    path = tmp_path / "many.ndjson"
    rooms = [f"room {n:02}" for n in range(23)]
    path.write_text(
        lines(*[event(kind, "ada", at, room=room) for room in rooms for kind, at in COMES_AND_GOES])
    )
    answer = ask("sessionize", path).stdout.splitlines()
    assert len(answer) == 22
    assert answer[-1] == "and 3 more: --out DIR writes them all"


COMES_AND_GOES = (("join", 0), ("leave", 60))


def test_the_summary_is_printed_to_standard_error(story):
    assert ask("sessionize", story).stderr.splitlines() == [
        "events                   7  from 2026-01-31 09:00:00.000 to 2026-01-31 09:01:50.000 UTC",
        "rooms                    1",
        "meetings                 1",
        "participants             2",
        "hours                  0.0",
        "busiest room           0.0  hours in blue",
        "ignored",
        "            1  stays shorter than 10 s: void (rule 4)",
        "            1  leaves of somebody who was not there (rule 1)",
    ]


def test_quiet_prints_only_the_result(story):
    assert ask("sessionize", story, "--quiet").stderr == ""


def test_csv_goes_to_standard_output(story):
    answer = ask("sessionize", story, "--format", "csv").stdout.splitlines()
    assert (
        answer[0] == "id,domain,room,start_utc,end_utc,ongoing,max_participants,participants,participant_ms"
    )
    assert len(answer) == 2


def test_ndjson_goes_to_standard_output(story):
    assert json.loads(ask("sessionize", story, "--format", "ndjson").stdout)["participant_ms"] == 50_000


def test_daily_goes_to_standard_output_with_participants(story):
    (meeting,) = json.loads(ask("sessionize", story, "--format", "daily").stdout)["data"]
    assert [entry["user_name"] for entry in meeting["participants"]] == ["Ada", None]


def test_parquet_does_not_go_to_standard_output(story):
    answer = ask("sessionize", story, "--format", "parquet")
    assert answer.exit_code == 2
    assert "Parquet is not for the screen: say where with --out DIR" in answer.stderr


def test_files_are_written_to_the_output_directory(story, tmp_path):
    answer = ask("sessionize", story, "--out", tmp_path / "out")
    assert (answer.exit_code, answer.stdout) == (0, "")
    assert names_in(tmp_path / "out") == ["meetings.parquet", "participants.parquet"]


def test_a_dash_is_standard_input():
    assert (
        json.loads(ask("sessionize", "-", "--format", "ndjson", given=lines(*STORY)).stdout)["room"] == "blue"
    )


def test_several_files_are_read_as_one(tmp_path, story):
    pq.write_table(pa.Table.from_pylist([event("leave", "bob", 60, room="green")]), tmp_path / "more.parquet")
    (tmp_path / "more.ndjson").write_text(lines(event("join", "bob", 0, room="green")))
    files = [story, tmp_path / "more.parquet", tmp_path / "more.ndjson"]
    answer = ask("sessionize", *files, "--format", "ndjson").stdout.splitlines()
    assert [json.loads(line)["room"] for line in answer] == ["blue", "green"]


# Options


@pytest.mark.parametrize("moment", ["2026-01-31T09:00:40Z", "2026-01-31T10:00:40+01:00", str(NINE + 40_000)])
def test_as_of_accepts_both_forms_of_times(story, moment):
    (meeting,) = json.loads(ask("sessionize", story, "--as-of", moment, "--format", "daily").stdout)["data"]
    assert (meeting["ongoing"], meeting["duration"]) == (True, 40)


@pytest.mark.parametrize(
    ("option", "seconds", "meetings"),
    [
        ("--min-stay", "4.999", 1),
        ("--min-stay", "31", 0),
        ("--start-alone", "5", 1),
        ("--start-alone", "46", 1),
    ],
)
def test_thresholds_are_given_in_seconds(story, option, seconds, meetings):
    answer = ask("sessionize", story, option, seconds, "--format", "ndjson").stdout
    assert len(answer.splitlines()) == meetings


def test_the_reset_is_given_in_seconds(story):
    answer = ask("sessionize", story, "--reset-alone", "10", "--format", "ndjson").stdout
    assert len(answer.splitlines()) == 2


def test_a_memory_limit_gives_the_same_result(story):
    ample = ask("sessionize", story, "--format", "daily").stdout
    assert ask("sessionize", story, "--max-memory", "1KB", "--format", "daily").stdout == ample


def test_the_domain_option_applies_to_events_without_a_domain(story):
    answer = ask("sessionize", story, "--domain", "acme", "--format", "ndjson").stdout
    assert json.loads(answer)["domain"] == "acme"


def test_bad_rows_are_skipped_and_written_to_rejected(story, tmp_path):
    story.write_text(lines(*STORY, event("jion", "eve", 0)))
    answer = ask("sessionize", story, "--skip-invalid", "--out", tmp_path / "out")
    assert answer.exit_code == 0
    assert "            1  bad rows left out (--skip-invalid)" in answer.stderr.splitlines()
    (rejected,) = (tmp_path / "out" / "rejected.ndjson").read_text().splitlines()
    assert json.loads(rejected)["line"] == 8


def test_the_first_bad_rows_are_printed_if_they_are_not_written(story):
    story.write_text(lines(*STORY, *[event("jion", f"eve-{number}", 0) for number in range(1_002)]))
    answer = ask("sessionize", story, "--skip-invalid")
    assert answer.exit_code == 0
    reason = "kind must be join, leave or end, not 'jion'"
    assert answer.stderr.splitlines()[-7:] == [
        "left out",
        *[f"  {story}, line {number:,}: {reason}" for number in range(8, 13)],
        "  and 997 more: --out DIR keeps them all, as they stood, in DIR/rejected.ndjson",
    ]


def test_few_bad_rows_are_all_printed_with_row_numbers(tmp_path):
    rows = [*STORY, event("join", "", 0)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    assert ask("sessionize", tmp_path / "rows.parquet", "--skip-invalid").stderr.splitlines()[-3:] == [
        "left out",
        f"  {tmp_path / 'rows.parquet'}, row 8: participant_id is missing",
        "  --out DIR keeps them all, as they stood, in DIR/rejected.ndjson",
    ]


def test_control_characters_of_a_bad_row_are_escaped(story):
    story.write_text(lines(*STORY, event("\x1b[2J" + 300 * "x", "eve", 0)))
    (shown,) = (
        line for line in ask("sessionize", story, "--skip-invalid").stderr.splitlines() if "line 8" in line
    )
    assert "\x1b" not in shown
    assert shown.endswith("x…")


def test_bad_rows_that_are_written_are_not_printed(story, tmp_path):
    story.write_text(lines(*STORY, event("jion", "eve", 0)))
    assert "left out\n" not in ask("sessionize", story, "--skip-invalid", "--out", tmp_path / "out").stderr
    assert ask("sessionize", story, "--skip-invalid", "--quiet").stderr == ""


# What it refuses


def refused(*arguments):
    answer = ask(*arguments)
    assert answer.exit_code == 2
    assert answer.stdout == ""
    return answer.stderr


def test_a_bad_row_is_one_message(story):
    story.write_text(lines(*STORY, event("jion", "eve", 0), event("join", "", 0)))
    assert refused("sessionize", story) == (
        f"headcount: {story}, line 8: kind must be join, leave or end, not 'jion' (and 1 more bad row);"
        " --skip-invalid leaves such rows out\n"
    )


def test_a_bad_row_leaves_no_output(story, tmp_path):
    story.write_text(lines(*STORY, event("jion", "eve", 0)))
    refused("sessionize", story, "--out", tmp_path / "out")
    assert names_in(tmp_path) == ["story.ndjson"]


@pytest.mark.parametrize(
    "command", [["sessionize"], ["explain", "--room", "blue"], ["timeline", "--room", "blue"]]
)
def test_an_invalid_domain_is_one_message(story, command):
    assert refused(*command, story, "--domain", "a\0b") == (
        "headcount: domain holds the character U+0000: remove it\n"
    )


def test_a_missing_file_is_one_message():
    assert (
        refused("sessionize", "none.csv")
        == "headcount: none.csv: cannot be opened: no such file or directory\n"
    )


def test_invalid_rules_are_one_message(story):
    assert refused("sessionize", story, "--reset-alone", "0") == (
        "headcount: reset_alone_ms must be 1 or more, and less than a lifetime, not 0\n"
    )


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--as-of", "noon", "'noon' is not a time"),
        ("--as-of", "2026-01-31T09:00:00", "'2026-01-31T09:00:00' has no time zone"),
        ("--as-of", "1769850000", "it looks like seconds, not milliseconds"),
        ("--min-stay", "ten", "'ten' is not a number of seconds"),
        ("--max-memory", "much", "'much' is not a size: give bytes or a unit, like 4GB"),
    ],
)
def test_an_invalid_option_is_reported_with_its_reason(story, option, value, reason):
    assert reason in refused("sessionize", story, option, value)


# How it behaves among other programs


def command(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "headcount.cli", *map(str, arguments)], text=True, **options
    )


@pytest.mark.process
def test_an_interrupt_leaves_no_output(tmp_path):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with command("sessionize", "-", "--out", tmp_path / "out", **pipes) as running:
        running.stdin.write(
            lines(*STORY) * 1_000
        )  # more than a pipe holds: once it is written, it is being read
        running.stdin.flush()
        running.send_signal(signal.SIGINT)
        running.stdin.close()  # the signal may come between two reads, and then only the end of input wakes it
        assert running.wait() == 130
        assert running.stderr.read() == ""
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("form", [[], ["--format", "ndjson"], ["--format", "daily"]])
@pytest.mark.process
def test_a_closed_pipe_is_not_an_error(story, form):
    with command(
        "sessionize", story, "--quiet", *form, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        running.stdout.close()
        assert (running.wait(), running.stderr.read()) == (0, "")


@pytest.mark.process
def test_help_loads_neither_arrow_nor_numba():
    program = (
        "import sys\n"
        "from headcount.cli import main\n"
        "main(['sessionize', '--help'], standalone_mode=False)\n"
        "print({'numba', 'numpy', 'pyarrow', 'rich'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "set()"


@pytest.mark.process
def test_a_missing_extra_is_reported_with_the_package_to_install(story, tmp_path):
    (tmp_path / "pyarrow.py").write_text("raise ModuleNotFoundError('no pyarrow', name='pyarrow')")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from headcount.cli import main; main()"
    answer = subprocess.run(
        [sys.executable, "-c", program, "sessionize", str(story)], capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stderr) == (
        2,
        "headcount: this needs more packages ('pyarrow' is missing): install them with pip install 'headcount[batch]'\n",
    )
