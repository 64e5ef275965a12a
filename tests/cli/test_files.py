"""The command line: what it answers, where, and with which exit code."""

import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from headcount.cli import main
from headcount.kernel.events import Event, Kind
from headcount.store.archive import ArchivedEntry
from support import ROOT
from support.archives import write_archive
from support.event_files import write_lines
from support.stored import entry_of

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
    assert answer.stdout.splitlines() == [
        "Room  Start (UTC)              End           Duration  Participants  Peak",
        "blue  2026-01-31 09:00:00.000  09:00:45.000       45s             2     2",
    ]


def test_only_the_first_twenty_meetings_are_shown(tmp_path):
    path = tmp_path / "many.ndjson"
    rooms = [f"room {n:02}" for n in range(23)]
    path.write_text(
        lines(*[event(kind, "ada", at, room=room) for room in rooms for kind, at in COMES_AND_GOES])
    )
    answer = ask("sessionize", path).stdout.splitlines()
    assert len(answer) == 22
    assert answer[-1] == "… and 3 more meetings: add --output DIR to write all of them"


COMES_AND_GOES = (("join", 0), ("leave", 60))


def test_the_summary_is_printed_to_standard_error(story):
    assert ask("sessionize", story).stderr.splitlines() == [
        "Events                     7  2026-01-31 09:00:00 to 2026-01-31 09:01:50 UTC",
        "Rooms                      1",
        "Meetings                   1",
        "Participants               2",
        "Participant time         50s",
        "Busiest room             50s  blue",
        "Ignored",
        "             1  stays shorter than 10s (rule 4)",
        "             1  leave events without a join (rule 1)",
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
    assert "Parquet output needs a directory: add --output DIR" in answer.stderr


def test_files_are_written_to_the_output_directory(story, tmp_path):
    answer = ask("sessionize", story, "--output", tmp_path / "out")
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
        ("--min-stay", "4999ms", 1),
        ("--min-stay", "31s", 0),
        ("--start-alone", "5s", 1),
        ("--start-alone", "46s", 1),
    ],
)
def test_thresholds_are_given_with_their_unit(story, option, seconds, meetings):
    answer = ask("sessionize", story, option, seconds, "--format", "ndjson").stdout
    assert len(answer.splitlines()) == meetings


def test_the_reset_is_given_with_its_unit(story):
    answer = ask("sessionize", story, "--reset-alone", "10s", "--format", "ndjson").stdout
    assert len(answer.splitlines()) == 2


def test_a_memory_limit_gives_the_same_result(story):
    ample = ask("sessionize", story, "--format", "daily").stdout
    assert ask("sessionize", story, "--max-memory", "1KB", "--format", "daily").stdout == ample


@pytest.mark.parametrize("fmt", ["parquet", "csv", "ndjson"])
def test_stays_are_one_more_file_if_asked_for(story, tmp_path, fmt):
    ask("sessionize", story, "--output", tmp_path, "--format", fmt, "--stays", "--threads", "1")
    assert {path.name for path in tmp_path.glob(f"*.{fmt}")} == {
        f"{name}.{fmt}" for name in ("meetings", "participants", "stays")
    } | ({story.name} if story.suffix == f".{fmt}" else set())
    ask("sessionize", story, "--output", tmp_path, "--format", fmt)
    assert not (tmp_path / f"stays.{fmt}").exists(), "the file of an earlier run has other stays"


@pytest.mark.parametrize("options", [(), ("--output", "sessions", "--format", "daily")])
def test_stays_need_a_directory_and_a_format_that_has_them(story, options):
    assert "--stays writes one more file" in refused("sessionize", story, "--stays", *options)


def test_the_domain_option_applies_to_events_without_a_domain(story):
    answer = ask("sessionize", story, "--domain", "acme", "--format", "ndjson").stdout
    assert json.loads(answer)["domain"] == "acme"


def test_bad_rows_are_skipped_and_written_to_rejected(story, tmp_path):
    story.write_text(lines(*STORY, event("jion", "eve", 0)))
    answer = ask("sessionize", story, "--skip-invalid", "--output", tmp_path / "out")
    assert answer.exit_code == 0
    assert "             1  invalid rows, skipped (--skip-invalid)" in answer.stderr.splitlines()
    (rejected,) = (tmp_path / "out" / "rejected.ndjson").read_text().splitlines()
    assert json.loads(rejected)["line"] == 8


def test_the_first_bad_rows_are_printed_if_they_are_not_written(story):
    story.write_text(lines(*STORY, *[event("jion", f"eve-{number}", 0) for number in range(1_002)]))
    answer = ask("sessionize", story, "--skip-invalid")
    assert answer.exit_code == 0
    reason = "kind must be join, leave or end, not 'jion'"
    assert answer.stderr.splitlines()[-8:] == [
        "Invalid rows",
        *[f"  {story}, line {number:,}: {reason}" for number in range(8, 13)],
        "  … and 997 more",
        "  Add --output DIR to write all of them to DIR/rejected.ndjson.",
    ]


def test_few_bad_rows_are_all_printed_with_row_numbers(tmp_path):
    rows = [*STORY, event("join", "", 0)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    assert ask("sessionize", tmp_path / "rows.parquet", "--skip-invalid").stderr.splitlines()[-3:] == [
        "Invalid rows",
        f"  {tmp_path / 'rows.parquet'}, row 8: participant_id is missing",
        "  Add --output DIR to write all of them to DIR/rejected.ndjson.",
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
    assert (
        "Invalid rows" not in ask("sessionize", story, "--skip-invalid", "--output", tmp_path / "out").stderr
    )
    assert ask("sessionize", story, "--skip-invalid", "--quiet").stderr == ""


# Inputs with other names


LOG = """room_name,event,ts,user
blue,participant_joined,1769850000.5,17
blue,participant_joined,1769850002,18
blue,mute,1769850002,18
blue,participant_left,1769850062,18
blue,kicked,1769850063,17
"""
COLUMNS = "room=room_name,kind=event,at=ts,participant_id=user,user_id=user"
KINDS = "kind.join=participant_joined,kind.leave=participant_left|kicked,kind.ignore=mute"


@pytest.fixture
def log(tmp_path):
    (tmp_path / "log.csv").write_text(LOG)
    return tmp_path / "log.csv"


def test_columns_kinds_and_units_can_be_mapped(log):
    answer = ask("sessionize", log, "--map", COLUMNS, "--map", KINDS, "--time-unit", "s", "--format", "daily")
    (meeting,) = json.loads(answer.stdout)["data"]
    assert (meeting["start_time"], meeting["duration"]) == (1_769_850_000, 62)
    assert [entry["user_id"] for entry in meeting["participants"]] == ["17", "18"]


def test_a_mapping_can_be_a_file(log, tmp_path):
    (tmp_path / "map.toml").write_text(
        'time_unit = "s"\n[columns]\nroom = "room_name"\nkind = "event"\nat = "ts"\nparticipant_id = "user"\n'
        '[kinds]\njoin = "participant_joined"\nleave = ["participant_left", "kicked"]\nignore = ["mute"]\n'
    )
    for command in (["sessionize"], ["explain", "--room", "blue"], ["timeline", "--room", "blue"]):
        answer = ask(*command, log, "--map", tmp_path / "map.toml")
        assert (answer.exit_code, answer.exception) == (0, None), answer.stderr


def test_the_error_of_a_missing_column_contains_the_option_to_add(log):
    assert refused("sessionize", log).endswith(
        "columns 'room', 'participant_id', 'kind', 'at' are missing; the columns are: room_name, event, ts, user."
        " If they have other names, use --map room=room_name,participant_id=user,kind=event,at=ts"
        " (in Python: columns={…})\n"
    )


def test_the_error_of_unknown_kinds_contains_the_option_to_add(log):
    assert (
        "The values are 'kicked', 'mute', 'participant_joined', 'participant_left'. Use --map"
        " 'kind.join=participant_joined,kind.leave=participant_left,kind.ignore=kicked|mute' (in Python: kinds={…})"
    ) in refused("sessionize", log, "--map", COLUMNS)


def test_the_error_of_fractions_contains_the_option_to_add(log):
    assert "ts '1769850000.5' has a fraction: if it is seconds, add --time-unit s" in refused(
        "sessionize", log, "--map", COLUMNS, "--map", KINDS
    )


# JSON


def test_json_contains_the_summary_and_the_meetings(story):
    answer = json.loads(ask("sessionize", story, "--json").stdout)
    assert answer["summary"]["meetings"] == len(answer["meetings"]) == 1
    assert answer["meetings"][0]["start"] == "2026-01-31T09:00:00.000Z"


def test_json_contains_the_files_that_were_written(story, tmp_path):
    answer = json.loads(ask("sessionize", story, "--json", "-o", tmp_path / "out").stdout)
    assert answer["files"] == [
        str(tmp_path / "out" / f"{name}.parquet") for name in ("meetings", "participants")
    ]


def test_of_an_archive_only_the_partition_of_the_room_is_read(tmp_path):
    events = [Event(Kind.JOIN, "blue", NINE, "ada"), Event(Kind.LEAVE, "blue", NINE + 60_000, "ada")]
    entries = [
        ArchivedEntry(entry_of(event, event.at, domain="acme"), offset, is_inferred=False)
        for offset, event in enumerate(events)
    ]
    archive = tmp_path / "archive"
    write_archive(archive, entries, 2)
    (partition,) = archive.glob("partition=*")
    other = archive / f"partition={1 - int(partition.name[-1])}"
    other.mkdir()
    (other / "broken.parquet").write_text("nobody reads this")
    explained = ask("explain", archive, "--room", "blue", "--domain", "acme")
    assert "The room is empty. The meeting of 09:00:00 ended after 1m" in explained.stdout
    assert ask("explain", archive, "--room", "blue").exit_code == 2


def test_steps_and_meetings_of_a_room_are_printed_as_json(story):
    explained = json.loads(ask("explain", story, "--room", "blue", "--json").stdout)
    digest = hashlib.sha256(Path(story).read_bytes()).hexdigest()
    assert explained["files"] == [{"name": Path(story).name, "sha256": digest}]
    steps = explained["steps"]
    assert steps[0] == {
        "at": "2026-01-31T09:00:00.000Z",
        "message": "Ada (ada) joined (rule 4); 1 in the room.",
    }
    (meeting,) = json.loads(ask("timeline", story, "--room", "blue", "--json").stdout)["meetings"]
    assert [entry["participant_id"] for entry in meeting["participants"]] == ["ada", "bob"]


# What it refuses


def refused(*arguments):
    answer = ask(*arguments)
    assert answer.exit_code == 2
    assert answer.stdout == ""
    return answer.stderr


def test_a_bad_row_is_one_message(story):
    story.write_text(lines(*STORY, event("jion", "eve", 0), event("join", "", 0)))
    assert refused("sessionize", story) == (
        f"headcount: {story}, line 8: kind must be join, leave or end, not 'jion' (and 1 more invalid row)."
        " Use --skip-invalid to skip such rows.\n"
    )


def test_a_bad_row_leaves_no_output(story, tmp_path):
    story.write_text(lines(*STORY, event("jion", "eve", 0)))
    refused("sessionize", story, "--output", tmp_path / "out")
    assert names_in(tmp_path) == ["story.ndjson"]


@pytest.mark.parametrize(
    "command", [["sessionize"], ["explain", "--room", "blue"], ["timeline", "--room", "blue"]]
)
def test_an_invalid_domain_is_one_message(story, command):
    assert refused(*command, story, "--domain", "a\0b") == (
        "headcount: domain contains the character U+0000: remove it\n"
    )


def test_a_missing_file_is_one_message():
    assert (
        refused("sessionize", "none.csv")
        == "headcount: none.csv: cannot be opened: no such file or directory\n"
    )


def test_invalid_rules_are_one_message(story):
    assert refused("sessionize", story, "--reset-alone", "0") == (
        "headcount: reset_alone_ms must be 1 or more, not 0\n"
    )


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--as-of", "noon", "'noon' is not a time"),
        ("--as-of", "2026-01-31T09:00:00", "'2026-01-31T09:00:00' has no time zone"),
        ("--as-of", "1769850000", "it looks like seconds, not milliseconds"),
        ("--min-stay", "10", "'10' must be a duration with its unit, like 10s"),
        ("--max-memory", "4", "'4' must be a size with its unit, like 512MB"),
        ("--map", "room", "'room' has no value: write pairs like room=room_name"),
        ("--map", "rom=x", "events have no column 'rom'; they have room, participant_id"),
        ("--map", "kind.jion=x", "'jion' is no kind of event; use join, leave, end or ignore"),
        ("--map", "none.toml", "none.toml: cannot be opened: no such file or directory"),
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
    with command("sessionize", "-", "--output", tmp_path / "out", **pipes) as running:
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


WITHOUT = ("numba", "numpy", "pandas", "pyarrow")
"""What a small file must not load, and what is missing without the extra."""
COMPILERS = ("numba", "llvmlite")


def run_without(extra_packages, *arguments, given=None):
    """Run a command in a process in which these packages cannot be imported."""
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({extra_packages!r}));"
        "from headcount.cli import main; main(sys.argv[1:])"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.process
@pytest.mark.parametrize("fmt", [None, "csv", "ndjson", "daily"])
def test_small_files_need_no_extra(story, tmp_path, fmt):
    form = ["--format", fmt, "--output", tmp_path / "out"] if fmt else ["--json"]
    answer = run_without(WITHOUT, "sessionize", story, *form)
    assert answer.returncode == 0, answer.stderr
    assert fmt or json.loads(answer.stdout)["meetings"]


@pytest.mark.parametrize("damage", ["", "no JSON\n"])
def test_standard_input_is_read_from_its_beginning_by_both_ways(each_lane, story, damage):
    given = story.read_text() + damage
    answer = ask("sessionize", "-", "--skip-invalid", "--json", given=given)
    found = json.loads(answer.stdout)
    assert (found["summary"]["events"], found["summary"]["rejected"]) == (len(STORY), bool(damage))
    assert ask("sessionize", "-", given=damage or "{").exit_code == 2


@pytest.mark.process
def test_standard_input_needs_no_extra(story):
    answer = run_without(WITHOUT, "sessionize", "-", given=story.read_text())
    assert answer.returncode == 0, answer.stderr


@pytest.mark.process
@pytest.mark.parametrize("command", [("explain",), ("timeline",)])
def test_a_room_in_a_small_file_needs_no_extra(command):
    answer = run_without(WITHOUT, *command, ROOT / "docs/examples/monday.csv", "--room", "standup")
    assert answer.returncode == 0, answer.stderr


@pytest.mark.process
def test_few_events_of_any_form_compile_nothing(story, tmp_path):
    rows = [json.loads(line) for line in story.read_text().splitlines()]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "events.parquet")
    answer = run_without(COMPILERS, "sessionize", tmp_path / "events.parquet", "-o", tmp_path / "out")
    assert answer.returncode == 0, answer.stderr


@pytest.mark.process
def test_rows_are_checked_before_anything_compiles(tmp_path):
    invalid = write_lines(tmp_path / "events.csv", f"room,participant_id,kind,at\nblue,ada,enters,{NINE}\n")
    answer = run_without(COMPILERS, "sessionize", invalid)
    assert (answer.returncode, "line 2: kind must be join, leave or end" in answer.stderr) == (2, True), (
        answer.stderr
    )


@pytest.mark.process
def test_importing_headcount_and_a_small_file_load_no_numba_arrow_or_pandas(story):
    program = (
        "import sys, headcount; headcount.sessionize(sys.argv[1]).to_daily();"
        f"sys.exit(', '.join(name for name in {WITHOUT!r} if name in sys.modules) or None)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program, str(story)], capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.process
def test_a_missing_extra_is_reported_with_the_package_to_install(story, tmp_path):
    invalid = write_lines(tmp_path / "events.csv", "room,participant_id,kind,at\n,,,\n")
    for arguments in (
        ("sessionize", story, "--output", tmp_path / "out"),
        ("sessionize", write_lines(tmp_path / "events.parquet", "PAR1")),
        ("sessionize", invalid),
    ):
        answer = run_without(WITHOUT, *arguments)
        assert answer.returncode == 2
        assert "is missing): install them with pip install 'headcount[batch]'" in answer.stderr
    assert "if all rows are valid" in answer.stderr
