"""Notifications: their schedule, and the type, id and payload of each message."""

import json
from hashlib import blake2b

import pytest

from headcount.engine.notifications import PresenceMessages, publish, schedule_notifications
from headcount.kernel.changes import (
    MeetingEnded,
    MeetingsCorrected,
    MeetingStarted,
    ParticipantJoined,
    Reason,
)
from headcount.kernel.meetings import Meeting, Stay
from headcount.kernel.presence import joined, left
from headcount.kernel.room import Room
from headcount.kernel.rules import NEVER
from headcount.kernel.stay_table import LeftBy
from headcount.store.outbox import MeetingState
from headcount.store.records import (
    BatchChanges,
    MeetingRow,
    NewMessage,
    PendingNotification,
    PublishedMeeting,
    RepeatableMessage,
)

CREATED = 777
HORIZON = 100_000
ROOM = Room("d", "r")
START = 12_345
ABOUT = PendingNotification("d", "m", 50, "r", START)
NOW = MeetingRow("d", "m", "r", START, None, 4)
OVER = NOW._replace(end=67_890)
PUBLISHED = PublishedMeeting("d", "m", "r", START, None, 0, 0)
TOLD_OVER = PublishedMeeting("d", "m", "r", START, 67_890, 4, 3)
WITHDRAWN = PublishedMeeting("d", "m", "r", START, START, 0, 0, 1)


def payload_of(message):
    return json.loads(message.payload)


# Doors.


def test_a_join_message_has_all_fields():
    stay = Stay("a", 1_000, None, None, "u1", "Ann")
    (message,) = PresenceMessages("d", "r", [joined(stay)], -NEVER, CREATED)
    assert (message.domain, message.type, message.room) == ("d", "participant.joined", "r")
    assert (message.at, message.created) == (1_000, CREATED)
    assert payload_of(message) == {"participant_id": "a", "user_id": "u1", "user_name": "Ann", "join": 1_000}


@pytest.mark.parametrize(("left_by", "word"), [(LeftBy.TIMEOUT, "timeout"), (None, None)])
def test_a_leave_message_has_its_time_and_reason(left_by, word):
    stay = Stay("a", 1_000, 5_000, left_by, "u1", "Ann")
    (message,) = PresenceMessages("d", "r", [left(stay, 4_000)], -NEVER, CREATED)
    assert (message.type, message.at) == ("participant.left", 4_000)
    assert payload_of(message) == {
        "participant_id": "a", "user_id": "u1", "user_name": "Ann", "join": 1_000, "leave": 4_000, "left_by": word,
    }  # fmt: skip


def test_participant_messages_have_the_attributes_that_are_known_then():
    stay = Stay("a", 1_000, 5_000, LeftBy.TIMEOUT, attributes='{"role":"host","seat":7}')
    for (message,) in (
        PresenceMessages("d", "r", [joined(stay)], -NEVER, CREATED),
        PresenceMessages("d", "r", [left(stay, 4_000)], -NEVER, CREATED),
    ):
        assert payload_of(message)["attributes"] == {"role": "host", "seat": 7}


def door_id(door, room=ROOM):
    (message,) = PresenceMessages(room.domain, room.name, [door], -NEVER, CREATED)
    return message.id


def test_participant_message_ids_start_with_type_and_time_and_differ_by_stay():
    stay = Stay("a", 1_000, 5_000)
    assert door_id(joined(stay)).startswith("ptcpt-join-1000-")
    assert door_id(left(stay, 4_000)).startswith("ptcpt-left-4000-")
    others = [Stay("b", 1_000, 5_000), Stay("a", 1_001, 5_000)]
    rooms = [Room("e", "r"), Room("d", "s")]
    ids = [door_id(left(one, 4_000)) for one in (stay, *others)]
    ids += [door_id(left(stay, 4_000), room) for room in rooms]
    assert len({one.rpartition("-")[2] for one in ids}) == 5
    assert len(ids[0].rpartition("-")[2]) == 16


def test_the_id_of_a_participant_message_is_the_same_in_every_release():
    digest = blake2b(b"d\x00r\x00a\x001000", digest_size=8).hexdigest()
    assert door_id(joined(Stay("a", 1_000))) == f"ptcpt-join-1000-{digest}"


def test_a_late_participant_message_may_be_repeated_and_has_the_same_id():
    stay = Stay("a", 1_000)
    (in_time,) = PresenceMessages("d", "r", [joined(stay)], -NEVER, CREATED)
    (late,) = PresenceMessages("d", "r", [joined(stay, late=True)], -NEVER, CREATED)
    assert late == in_time
    assert [isinstance(one, RepeatableMessage) for one in (in_time, late)] == [False, True]


# What is noted.


def noted(changes, now=1_000, published_ms=15, batch=None):
    batch = batch or BatchChanges(1)
    schedule_notifications(batch, ROOM, changes, now, published_ms)
    assert all(key == (row.domain, row.id, row.due) for key, row in batch.notifications.items())
    return list(batch.notifications.values())


@pytest.mark.parametrize(("fact", "due"), [(500, 1_000), (985, 1_000), (986, 1_001), (1_200, 1_215)])
def test_starts_and_ends_are_due_when_published(fact, due):
    expected = [PendingNotification("d", "m", due, "r", 70)]
    assert noted([MeetingStarted(fact, "m", 70, Reason.TWO_PARTICIPANTS)]) == expected
    assert noted([MeetingEnded(fact, "m", 70, 3, Reason.ROOM_EMPTY)]) == expected


def test_stays_schedule_no_notification():
    assert noted([ParticipantJoined(5, Stay("a", 5))]) == []


def revised(before=(), after=(), late_ms=400, reason=Reason.LATE_EVENT):
    return MeetingsCorrected(1_000, None, late_ms, (), (), tuple(before), tuple(after), reason)


def meeting(name, start, end):
    return Meeting(name, "d", "r", start, end, 2)


def test_an_update_is_due_at_once_and_an_end_when_published():
    change = revised([meeting("old", 70, None)], [meeting("new", 80, 1_100)])
    assert noted([change]) == [
        PendingNotification("d", "old", 1_000, "r", 70, "late_event"),
        PendingNotification("d", "new", 1_115, "r", 80),
        PendingNotification("d", "new", 1_000, "r", 80, "late_event"),
    ]


def test_an_update_before_publication_is_due_with_it():
    assert noted([revised([meeting("old", 70, None)], late_ms=3)]) == [
        PendingNotification("d", "old", 1_012, "r", 70, "late_event")
    ]


def test_the_reason_of_a_notification_is_not_lost():
    late = revised(after=[meeting("m", 70, None)])
    start = MeetingStarted(500, "m", 70, Reason.TWO_PARTICIPANTS)
    for changes in ([late, start], [start, late]):
        assert noted(changes) == [PendingNotification("d", "m", 1_000, "r", 70, "late_event")]


def test_a_later_reason_replaces_an_earlier_one():
    changes = [
        revised(after=[meeting("m", 70, None)], reason=reason)
        for reason in (Reason.LATE_EVENT, Reason.INFERRED_LEAVE_OVERRIDDEN)
    ]
    assert noted(changes)[0].reason == "inferred_leave_overridden"


# What is said.


def messages_for(seen, about=ABOUT, horizon=HORIZON):
    publication = publish(about, seen, horizon, CREATED)
    return (
        [(message.type, message.id) for message in publication.messages],
        publication.published,
        publication.messages,
    )


def test_the_first_message_of_a_meeting_is_its_start():
    types, known, (message,) = messages_for(MeetingState(None, NOW, None, 0, False))
    assert types == [("meeting.started", "met-sta-m-12")]
    assert known == PUBLISHED
    assert message == NewMessage("d", "met-sta-m-12", "meeting.started", "r", START, CREATED, message.payload)
    assert payload_of(message) == {"id": "m", "start": START}


def test_an_ongoing_meeting_is_announced_once():
    types, known, _ = messages_for(MeetingState(PUBLISHED, NOW._replace(max_participants=9), None, 7, False))
    assert types == []
    assert known == PUBLISHED


@pytest.mark.parametrize(("reset", "reason"), [(True, "left_alone"), (False, "room_empty")])
def test_an_end_message_has_size_and_reason(reset, reason):
    types, known, (message,) = messages_for(MeetingState(PUBLISHED, OVER, None, 3, reset))
    assert types == [("meeting.ended", "met-end-m-67")]
    assert known == TOLD_OVER
    assert (message.at, message.created, message.room, message.domain) == (67_890, CREATED, "r", "d")
    assert payload_of(message) == {
        "id": "m", "start": START, "end": 67_890, "max": 4, "people": 3, "reason": reason,
    }  # fmt: skip


def test_an_unannounced_ended_meeting_gets_start_and_end_messages():
    types, known, _ = messages_for(MeetingState(None, OVER, None, 3, False))
    assert [kind for kind, _ in types] == ["meeting.started", "meeting.ended"]
    assert known == TOLD_OVER


@pytest.mark.parametrize(("horizon", "ends"), [(67_889, False), (67_890, True)])
def test_an_end_after_the_horizon_is_not_published(horizon, ends):
    types, known, _ = messages_for(MeetingState(PUBLISHED, OVER, None, 3, False), horizon=horizon)
    assert bool(types) is ends
    assert (known.end is not None) is ends


def test_an_unchanged_end_is_not_published_again():
    types, known, _ = messages_for(MeetingState(TOLD_OVER, OVER, None, 3, False))
    assert types == []
    assert known == TOLD_OVER


@pytest.mark.parametrize(
    ("row", "people"),
    [
        (OVER._replace(end=60_000), 3),
        (OVER._replace(max_participants=5), 3),
        (OVER, 4),
        (OVER._replace(end=None), 3),
    ],
)
def test_a_changed_end_is_published_as_an_update(row, people):
    types, known, (message,) = messages_for(MeetingState(TOLD_OVER, row, None, people, False))
    assert types == [("meeting.updated", "met-upd-m-1")]
    assert known == PublishedMeeting("d", "m", "r", START, row.end, row.max_participants, people, 1)
    assert (message.at, message.created) == (START, CREATED)
    assert payload_of(message) == {
        "id": "m", "reason": "late_event",
        "before": {"id": "m", "start": START, "end": 67_890, "max": 4, "people": 3},
        "after": {"id": "m", "start": START, "end": row.end, "max": row.max_participants, "people": people},
    }  # fmt: skip


def test_an_update_with_a_reason_is_published_without_changed_numbers():
    about = ABOUT._replace(reason="inferred_leave_overridden")
    types, known, (message,) = messages_for(
        MeetingState(TOLD_OVER._replace(revisions=2), OVER, None, 3, False), about
    )
    assert types == [("meeting.updated", "met-upd-m-3")]
    assert payload_of(message)["reason"] == "inferred_leave_overridden"
    assert known.revisions == 3


def test_a_reason_alone_updates_no_ongoing_meeting():
    types, known, _ = messages_for(
        MeetingState(PUBLISHED, NOW, None, 3, False), ABOUT._replace(reason="late_event")
    )
    assert (types, known) == ([], PUBLISHED)


def test_an_unannounced_removed_meeting_gets_no_message():
    assert messages_for(MeetingState(None, None, None, 0, False)) == ([], None, [])


def test_a_removed_meeting_is_withdrawn():
    types, known, (message,) = messages_for(MeetingState(TOLD_OVER, None, None, 0, False))
    assert types == [("meeting.updated", "met-upd-m-1")]
    assert known == WITHDRAWN
    assert payload_of(message) == {
        "id": "m", "reason": "late_event", "after": None,
        "before": {"id": "m", "start": START, "end": 67_890, "max": 4, "people": 3},
    }  # fmt: skip


@pytest.mark.parametrize(("end", "shown"), [(90_000, 90_000), (HORIZON, HORIZON), (HORIZON + 1, None)])
def test_a_withdrawal_names_the_meeting_that_covers_its_start(end, shown):
    covering = MeetingRow("d", "n", "r", 5_000, end, 6)
    _, _, (message,) = messages_for(MeetingState(PUBLISHED, None, covering, 8, False))
    assert payload_of(message)["after"] == {"id": "n", "start": 5_000, "end": shown, "max": 6, "people": 8}


def test_a_withdrawn_meeting_is_not_withdrawn_twice():
    assert messages_for(MeetingState(WITHDRAWN, None, None, 0, False)) == ([], WITHDRAWN, [])


def test_a_restored_meeting_gets_messages_with_new_ids():
    types, known, _ = messages_for(MeetingState(WITHDRAWN, OVER, None, 3, False))
    assert types == [("meeting.started", "met-sta-m-12-r1"), ("meeting.ended", "met-end-m-67-r1")]
    assert known == TOLD_OVER._replace(revisions=1)
