"""One room: `headcount explain`, `headcount timeline` and `headcount tour`, and the events that they read."""

import json

import pytest
from click.testing import CliRunner

from headcount.batch.one_room import read_room
from headcount.cli import main
from headcount.demo.sample import sample_table
from headcount.kernel.replay import meetings_of
from support import TESTS

NINE = 1_769_850_000_000  # 2026-01-31T09:00:00Z
CAPTURE = TESTS / "captures" / "prosody-0.12.3-event-sync.jsonl"


def event(kind, who, seconds, room="blue", **more):
    return {"room": room, "kind": kind, "participant_id": who, "at": NINE + seconds * 1000} | more


def written(path, *events):
    path.write_text("".join(json.dumps(one) + "\n" for one in events))
    return path


STORY = (
    event("join", "PA_x", 0, user_name="Ann"),
    event("leave", "PA_x", 40, joined_at=NINE),
    event("join", "bob", 0, room="green"),
    event("leave", "bob", 100, room="green"),
)


@pytest.fixture
def file(tmp_path):
    return written(tmp_path / "events.ndjson", *STORY)


def ask(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def refused(*arguments):
    answer = ask(*arguments)
    assert (answer.exit_code, answer.stdout) == (2, "")
    return answer.stderr


def test_only_the_events_of_the_room_are_read(file):
    assert [event.participant_id for event in read_room(file, "blue").events] == ["PA_x", "PA_x"]


def test_now_is_the_latest_event_of_all_rooms(file):
    assert read_room(file, "blue").latest == NINE + 100_000


def test_the_meetings_of_one_room_equal_those_of_the_file():
    from headcount import sessionize

    events = sample_table(3_000, ends=0.1, disorder=0.1)
    sessions = sessionize(events)
    room = sessions.summary.busiest_room
    found = [row["id"] for row in sessions.meetings.to_pylist() if row["room"] == room]
    read = read_room(events, room)
    assert [meeting.id for meeting in meetings_of(read.events, as_of=read.latest)] == found


def test_a_room_in_one_domain_needs_no_domain(tmp_path):
    file = written(tmp_path / "events.ndjson", event("join", "ann", 0, domain="acme"))
    assert read_room(file, "blue").domain == "acme"


def test_a_room_in_several_domains_is_refused_without_one(tmp_path):
    joins = [event("join", "ann", 0, domain=domain) for domain in ("acme", "bolt")]
    file = written(tmp_path / "events.ndjson", *joins)
    assert refused("explain", file, "--room", "blue") == (
        "headcount: the room 'blue' is in several domains: choose one of acme, bolt with --domain\n"
    )


def test_a_room_in_another_domain_is_refused(tmp_path):
    file = written(tmp_path / "events.ndjson", event("join", "ann", 0, domain="acme"))
    assert refused("explain", file, "--room", "blue", "--domain", "bolt") == (
        "headcount: the room 'blue' is not in the domain 'bolt': choose one of acme with --domain\n"
    )


def test_an_unknown_room_is_refused_with_similar_names(file):
    assert refused("explain", file, "--room", "Bleu") == (
        "headcount: there is no room 'Bleu'; there is blue\n"
    )


def test_an_unknown_room_like_no_other_is_refused(file):
    assert refused("explain", file, "--room", "zzz") == (
        "headcount: there is no room 'zzz'; there are 2 other rooms\n"
    )


def test_explain_prints_each_step(file):
    answer = ask("explain", file, "--room", "blue")
    assert answer.stdout.splitlines()[3] == "  09:00:00  Ann (PA_x) joined (rule 4); 1 in the room."


def test_explain_has_as_of(file):
    answer = ask("explain", file, "--room", "blue", "--as-of", "2026-01-31T09:00:20Z").stdout
    assert "no meeting yet" in answer


def test_explain_has_other_rules(file):
    assert "shorter than 41s" in ask("explain", file, "--room", "blue", "--min-stay", "41s").stdout


def test_timeline_draws_the_room(file):
    answer = ask("timeline", file, "--room", "blue", "--width", "51").stdout
    assert answer.splitlines()[0] == "Meetings   ┣━━━━━━━━━━━━━━━━ 40s ━━━━━━━━━━━━━━━━┫"


def test_timeline_of_a_long_history_draws_its_last_day(tmp_path):
    days = [
        event(kind, "ann", day * 86_400 + at) for day in range(3) for kind, at in (("join", 0), ("leave", 60))
    ]
    file = written(tmp_path / "events.ndjson", *days)
    answer = ask("timeline", file, "--room", "blue").stdout
    assert answer.splitlines()[-1] == "2 earlier meetings are not shown: add --from TIME"


def test_timeline_draws_a_given_range(file):
    bounds = ("--from", "2026-01-31T09:00:00Z", "--to", "2026-01-31T09:01:20Z", "--width", "52")
    answer = ask("timeline", file, "--room", "blue", *bounds).stdout.splitlines()
    assert answer[1] == "Ann        " + "█" * 20


def test_timeline_without_a_meeting_refers_to_explain(tmp_path):
    file = written(tmp_path / "events.ndjson", event("leave", "ann", 0))
    assert ask("timeline", file, "--room", "blue").stdout == (
        "No meetings in 'blue'. Run 'headcount explain' with the same arguments to see why.\n"
    )


def test_tour_uses_real_server_output_and_a_sample(tmp_path):
    answer = ask("tour", "--jitsi", CAPTURE, "--sample", tmp_path / "made" / "sample.parquet")
    assert answer.exit_code == 0
    assert "(rule 7)" in answer.stdout


def test_a_misspelled_command_has_a_one_line_error():
    answer = refused("explian")
    assert answer.startswith("headcount: there is no command 'explian'; did you mean 'explain'?")
    assert answer.count("\n") == 1


def test_the_files_with_events_of_the_room_are_named(tmp_path):
    for name, room in (("a.csv", "blue"), ("b.csv", "red"), ("c.csv", "blue")):
        (tmp_path / name).write_text(f"kind,room,participant_id,at\njoin,{room},x,1767225600000\n")
    found = read_room(str(tmp_path), "blue")
    assert found.files == [str(tmp_path / "a.csv"), str(tmp_path / "c.csv")]
