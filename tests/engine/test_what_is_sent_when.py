"""docs/reference/what-is-sent-when.md is true: each table is what the engine publishes, at these times."""

import json
import re

import pytest

from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import Rules
from headcount.outbound.payloads import encode
from support import ROOT
from support.stored import StoredEngine

T0 = 1_767_225_600_000
STEP_MS = 100
PAGE = (ROOT / "docs/reference/what-is-sent-when.md").read_text()
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
STORIES = {title: text for title, text in SECTIONS.items() if "| event or message |" in text}
EVENT = re.compile(r"(?:Late event: )?(\w+) (join|leave)s(?: at ([\d.]+) s)?")


def rows_of(text):
    """The rows of a story's table: the time in ms, and what happens or is sent."""
    return [
        (round(float(time) * 1_000), what)
        for time, what in re.findall(r"^\| ([\d.]+) s \| (.*?) \|$", text, re.MULTILINE)
    ]


def published(folder, rows):
    """The messages that follow from the events of a story, with the times at which the engine publishes them."""
    events = [(time, *EVENT.fullmatch(what).groups()) for time, what in rows if not what.startswith("→")]
    engine = StoredEngine(folder)
    for now in range(0, rows[-1][0] + 60_000, STEP_MS):
        for time, who, kind, at in events:
            if time == now:
                happened = T0 + (time if at is None else round(float(at) * 1_000))
                engine.append(Event(Kind(kind), "blue-room", happened, who), received=T0 + now)
        while engine.engine.step(T0 + now):
            pass
    messages = engine.store.messages.after(0)
    engine.close()
    return messages


@pytest.mark.parametrize("title", STORIES)
def test_the_messages_of_a_story_are_published_at_the_times_on_the_page(title, tmp_path):
    rows = rows_of(STORIES[title])
    messages = published(tmp_path, rows)
    expected = [(time, what.strip("→ `")) for time, what in rows if what.startswith("→")]
    assert [(message.created - T0, message.type) for message in messages] == expected
    for example in re.findall(r"```json\n(.*?)```", STORIES[title], re.DOTALL):
        assert json.loads(example) in [json.loads(encode(message, extensions=False)) for message in messages]


def test_there_is_a_story_for_every_kind_of_message_and_case():
    assert len(STORIES) == 7
    assert {what.strip("→ `") for text in STORIES.values() for _, what in rows_of(text) if what.startswith("→")} == {
        "participant.joined", "participant.left", "meeting.started", "meeting.ended", "meeting.updated",
    }  # fmt: skip


def test_a_meeting_that_ends_again_has_another_message_id(tmp_path):
    messages = published(tmp_path, rows_of(STORIES["A reopened meeting"]))
    first, second = (message for message in messages if message.type == "meeting.ended")
    assert first.id != second.id
    assert second.id.endswith("-r1")
    (update,) = (
        json.loads(encode(message, extensions=False))
        for message in messages
        if message.type == "meeting.updated"
    )
    assert update["payload"]["after"]["end_ts"] is None


def test_a_removed_meeting_has_nothing_after_its_update(tmp_path):
    messages = published(tmp_path, rows_of(STORIES["A removed meeting"]))
    assert json.loads(encode(messages[-1], extensions=False))["payload"]["after"] is None


def test_the_reset_and_the_last_leave_have_their_reasons(tmp_path):
    messages = published(tmp_path, rows_of(STORIES["A reset"]))
    ends = [
        json.loads(encode(message, extensions=True))
        for message in messages
        if message.type == "meeting.ended"
    ]
    assert [end["payload"]["reason"] for end in ends] == ["left_alone", "room_empty"]


def test_a_name_or_an_attribute_of_a_later_event_is_sent_with_the_leave_or_as_an_update(tmp_path):
    engine = StoredEngine(tmp_path)

    def send(at, received, kind, **known):
        engine.append(Event(kind, "blue-room", T0 + at, "c-1", **known), received=T0 + received)
        while engine.engine.step(T0 + received + 60_000):
            pass

    send(0, 0, Kind.JOIN, attributes='{"role":"host"}')
    send(100_000, 100_000, Kind.JOIN, user_name="Ann", attributes='{"role":"guest","seat":7}')
    send(300_000, 300_000, Kind.LEAVE, attributes='{"rating":5}')
    send(200_000, 900_000, Kind.JOIN, attributes='{"late":true}')
    messages = engine.store.messages.after(0)
    meetings = engine.meetings()
    engine.close()
    sent = [json.loads(encode(message, extensions=True)) for message in messages]
    assert [message["type"] for message in sent] == [
        "participant.joined", "meeting.started", "participant.left", "meeting.ended",
        "meeting.updated",
    ]  # fmt: skip
    assert sent[4]["payload"]["before"] == sent[4]["payload"]["after"]
    assert sent[0]["payload"]["attributes"] == {"role": "host"}
    assert sent[2]["payload"]["user_name"] == "Ann"
    assert sent[2]["payload"]["attributes"] == {"rating": 5, "role": "host", "seat": 7}
    assert [entry.attributes for entry in meetings[0].participants] == [
        '{"late":true,"rating":5,"role":"host","seat":7}'
    ]
    without = [json.loads(encode(message, extensions=False)) for message in messages]
    assert not [message for message in without if "attributes" in message["payload"]]


def test_the_delays_on_the_page_are_those_of_the_default_rules():
    rules = Rules()
    assert (rules.late_grace_ms, rules.start_alone_ms, rules.reset_alone_ms) == (15_000, 30_000, 600_000)


def test_the_example_of_the_webhooks_page_is_the_end_of_the_first_story(tmp_path):
    page = (ROOT / "docs/reference/webhooks.md").read_text()
    messages = [
        json.loads(encode(message, extensions=False))
        for message in published(tmp_path, rows_of(STORIES["Two participants"]))
    ]
    (example,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert json.loads(example) == messages[-1]


def test_every_field_of_a_payload_is_on_the_webhooks_page(tmp_path):
    page = (ROOT / "docs/reference/webhooks.md").read_text()
    for message in published(tmp_path, rows_of(STORIES["A reopened meeting"])):
        payload = json.loads(encode(message, extensions=True))["payload"]
        for field in (*payload, *(payload.get("after") or {})):
            assert f"`{field}`" in page, (message.type, field)
