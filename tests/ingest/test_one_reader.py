"""Every entrance reads an event the same way: the API, generic sources, imports of files and `sessionize`."""

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headcount import sessionize
from support.entrances import FIELDS, NOW, Entrances, Refused, Time

HOUR_US = 3_600_000_000
START_US = NOW * 1_000 - 24 * HOUR_US
LONG = "漢" * 600


@pytest.fixture(scope="module")
def entrances(tmp_path_factory):
    with pytest.MonkeyPatch.context() as monkeypatch:
        made = Entrances(tmp_path_factory.mktemp("entrances"), monkeypatch)
        yield made
        made.stop()


names = st.one_of(
    st.sampled_from(["a", "b", "c-1"]),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8).filter(
        str.strip
    ),
    st.sampled_from(
        ["x" * 512, "é" * 512, "漢" * 341, "👩🏽‍🚀", "null", "true", "007", '"', "a,b;c", "'", "\\"]
    ),
)
unknown_or_names = st.none() | st.just("") | names
display_names = unknown_or_names | st.sampled_from([LONG, "x" * 600, "x" * 511 + "👩"])
instants = st.builds(
    Time, st.integers(START_US, START_US + HOUR_US), st.sampled_from(["seconds", "text"])
) | st.builds(Time, st.integers(START_US // 10**6, START_US // 10**6 + 3_600).map(lambda s: s * 10**6))


keys = st.sampled_from(["role", "customer", "é", 'a "b"', "attributes.x"])
values = st.sampled_from(["host", "", 'ü\u2028\\"', 7, 7.0, -0.5, 1e300, 2**63 - 1, True, False, None])


@st.composite
def events(draw):
    event = {
        "room": draw(st.sampled_from(["standup", "retro"]) | names),
        "kind": draw(st.sampled_from(["join", "leave", "end"])),
        "at": draw(instants),
        "user_id": draw(unknown_or_names),
        "user_name": draw(display_names),
        "source_session": draw(unknown_or_names),
    }
    if event["kind"] != "end":
        event["participant_id"] = draw(names)
        event["attributes"] = draw(st.none() | st.dictionaries(keys, values, max_size=3))
    if event["kind"] == "leave" and draw(st.booleans()):
        event["joined_at"] = Time(
            event["at"].us - draw(st.integers(0, HOUR_US)), draw(st.sampled_from(["seconds", "text"]))
        )
    return event


def in_order(entries):
    """Entries without what depends on the way: when they were received, from whom, and by which way they came."""
    return sorted(
        (entry._replace(received=0, origin=0, sender=None, digest=None) for entry in entries),
        key=lambda entry: (entry.at, entry.key),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(events(), min_size=1, max_size=6))
def test_the_same_events_become_the_same_entries_and_meetings_at_every_entrance(entrances, sent):
    found = entrances.all(sent)
    expected = in_order(found["single"])
    assert len(expected) == len(sent)
    assert sorted(entry.at for entry in expected) == sorted(event["at"].ms for event in sent)
    for entrance, entries in found.items():
        assert not isinstance(entries, Refused), (entrance, entries)
        assert in_order(entries) == expected, entrance
    short = [event for event in sent if event["user_name"] is None or len(event["user_name"].encode()) <= 512]
    meetings = [entrances.sessions(form, short) for form in ("csv", "ndjson", "parquet")] if short else []
    assert all(one == meetings[0] for one in meetings)
    if len(short) == len(sent):
        assert sessions_of(expected) == meetings[0]


def sessions_of(entries):
    """The meetings and participants of log entries."""
    kinds = {1: "join", 2: "leave", 3: "end"}
    rows = [
        {name: getattr(entry, name) for name in FIELDS} | {"kind": kinds[entry.kind]} for entry in entries
    ]
    found = sessionize(
        pa.table({name: _typed(name, [row[name] for row in rows]) for name in FIELDS}), as_of=NOW
    )
    return found.meetings.to_pylist(), found.participants.to_pylist()


def _typed(name, values):
    return pa.array(values, pa.int64() if name in ("at", "joined_at") else pa.string())


GOOD = {"room": "r", "kind": "join", "participant_id": "a", "at": Time(START_US)}
LEAVE = GOOD | {"kind": "leave"}
END = {"room": "r", "kind": "end", "at": Time(START_US)}
INVALID = {
    "no room": (GOOD | {"room": None}, "room"),
    "an empty room": (GOOD | {"room": ""}, "room"),
    "no kind": (GOOD | {"kind": None}, "kind"),
    "an unknown kind": (GOOD | {"kind": "jion"}, "kind"),
    "a kind in capitals": (GOOD | {"kind": "Join"}, "kind"),
    "no participant": (GOOD | {"participant_id": None}, "participant_id"),
    "an empty participant": (LEAVE | {"participant_id": ""}, "participant_id"),
    "a participant of an end": (END | {"participant_id": "a"}, "participant_id"),
    "U+0000 in a room": (GOOD | {"room": "a\0b"}, "room"),
    "U+0000 in a participant": (GOOD | {"participant_id": "a\0b"}, "participant_id"),
    "U+0000 in a display name": (GOOD | {"user_name": "a\0b"}, "user_name"),
    "a join of a join": (GOOD | {"joined_at": Time(START_US - 1)}, "joined_at"),
    "a join of an end": (END | {"joined_at": Time(START_US - 1)}, "joined_at"),
    "a join after its leave": (LEAVE | {"joined_at": Time(START_US + 1_000)}, "joined_at"),
    "attributes of an end": (END | {"attributes": {"role": "host"}}, "attributes"),
    "a nested attribute": (GOOD | {"attributes": {"a": {"b": 1}}}, "attribute"),
    "an attribute without a key": (GOOD | {"attributes": {"": 1}}, "attribute"),
    "U+0000 in an attribute": (GOOD | {"attributes": {"a": "b\0"}}, "attribute"),
    "a number beyond 64 bits": (GOOD | {"attributes": {"a": 2**63}}, "attribute"),
    "a time before 2000": (GOOD | {"at": Time(946_684_799_999_000, "text")}, "at"),
    "a join before 2000": (LEAVE | {"joined_at": Time(946_684_799_999_000, "text")}, "joined_at"),
    "a time without a zone": (GOOD | {"at": "2026-05-01T09:00:00"}, "at"),
    "a time that is none": (GOOD | {"at": "yesterday"}, "at"),
    "a day that is none": (GOOD | {"at": "2026-02-30T09:00:00Z"}, "at"),
}  # fmt: skip
BEYOND_LIMITS = {
    **{f"a long {name}": (GOOD | {name: "x" * 513}, name) for name in ("room", "participant_id", "user_id", "source_session")},
    **{f"{name} of many bytes": (GOOD | {name: "漢" * 342}, name) for name in ("room", "participant_id", "user_id")},
    "too many attributes": (GOOD | {"attributes": {f"k{n}": n for n in range(33)}}, "attribute"),
    "a long attribute": (GOOD | {"attributes": {"a": "x" * 513}}, "attribute"),
    "a long key of an attribute": (GOOD | {"attributes": {"k" * 65: 1}}, "attribute"),
    "a time ahead of the server's clock": (GOOD | {"at": Time(NOW * 1_000 + 301_000_000)}, "at"),
}  # fmt: skip


def without_none(event):
    return {name: value for name, value in event.items() if value is not None}


def refusals(found, field):
    return {
        entrance: isinstance(answer, Refused) and field in answer.message
        for entrance, answer in found.items()
    }


OPTIONAL = ("user_id", "user_name", "source_session", "attribute")


@pytest.mark.parametrize(
    ("event", "field"), (INVALID | BEYOND_LIMITS).values(), ids=(INVALID | BEYOND_LIMITS)
)
def test_the_same_events_are_refused_at_every_entrance_with_their_field(entrances, event, field):
    """A source is no developer who reads an error: there an optional field that is invalid is unknown, or cut."""
    found = entrances.all([GOOD, without_none(event)])
    expected = dict.fromkeys(found, True) | ({"generic": False} if field in OPTIONAL else {})
    assert refusals(found, field) == expected, found
    assert entrances.entries == []


@pytest.mark.parametrize(("event", "field"), INVALID.values(), ids=INVALID)
def test_sessionize_refuses_what_the_log_refuses(entrances, event, field):
    found = {
        form: entrances.sessions(form, [GOOD, without_none(event)]) for form in ("csv", "ndjson", "parquet")
    }
    assert refusals(found, field) == dict.fromkeys(found, True), found


def test_an_event_without_a_time_happened_when_it_was_received(entrances):
    found = entrances.all([{"room": "r", "kind": "end"}])
    assert {name: [entry.at for entry in found[name]] for name in ("single", "array", "lines", "generic")} == {
        "single": [NOW], "array": [NOW], "lines": [NOW], "generic": [NOW],
    }  # fmt: skip
    assert all(isinstance(found[form], Refused) for form in ("csv", "ndjson", "parquet"))


@pytest.mark.parametrize(
    ("seconds", "ms"),
    [(1767225600.4126, 412), (1767225600.413, 413), (1767225600.9999, 999), (1767225600.999999, 999)],
)
def test_digits_finer_than_a_millisecond_are_cut_off(entrances, seconds, ms):
    found = entrances.all([GOOD | {"at": Time(round(seconds * 1_000_000))}])
    assert {entry.at % 1_000 for entries in found.values() for entry in entries} == {ms}
