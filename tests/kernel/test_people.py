"""Participants of a room: stays, changes and presence changes after each instant (R1-R3a)."""

from itertools import groupby

import pytest

from headcount.kernel.changes import EventIgnored, ParticipantNamed, Reason
from headcount.kernel.events import Event, Inferred, Kind
from headcount.kernel.meetings import Stay
from headcount.kernel.open_stay import OpenStay
from headcount.kernel.people import People
from headcount.kernel.presence import PresenceChange, resolved
from headcount.kernel.rules import NEVER
from headcount.kernel.stay_table import IN, IN_UNCONFIRMED, OUT, OUT_UNCONFIRMED, LeftBy

INFERRED = {"inferred": Inferred.SNAPSHOT}


def join(at, participant_id="a", **known):
    return Event(Kind.JOIN, "r", at, participant_id, **known)


def leave(at, participant_id="a", **known):
    return Event(Kind.LEAVE, "r", at, participant_id, **known)


def end(at, **known):
    return Event(Kind.END, "r", at, **known)


def people_after(*events):
    """Return the participants of a room after these events, in order of time."""
    return people_and_changes_after(*events)[0]


def people_and_changes_after(*events):
    people, changes = People(), []
    people.presence_changes = []
    for at, simultaneous in groupby(events, key=lambda event: event.at):
        people.apply(at, list(simultaneous), changes)
    return people, changes


def stays(people):
    """Return all stays in their current form."""
    return [stay.to_stay() for _, stay, is_join in people.moves if is_join and not stay.dropped]


def ignored(*events):
    return [change for change in people_and_changes_after(*events)[1] if isinstance(change, EventIgnored)]


# Ignored events.


def test_an_end_of_an_empty_room_is_ignored():
    assert ignored(end(5)) == [EventIgnored(5, None, Kind.END, Reason.ROOM_ALREADY_EMPTY)]


def test_each_of_two_ends_of_an_empty_room_is_ignored():
    nothing = EventIgnored(5, None, Kind.END, Reason.ROOM_ALREADY_EMPTY)
    assert ignored(end(5), end(5, source_session="s1")) == [nothing, nothing]


def test_an_end_of_another_session_is_ignored():
    people, changes = people_and_changes_after(join(0, source_session="s1"), end(5, source_session="s2"))
    assert changes == [EventIgnored(5, None, Kind.END, Reason.ROOM_ALREADY_EMPTY)]
    assert list(people.open_stays) == ["a"]


@pytest.mark.parametrize("known", [(None, None), ("s1", None), (None, "s1"), ("s1", "s1")])
def test_an_end_closes_the_stays_of_its_session_and_those_of_an_unknown_one(known):
    people, changes = people_and_changes_after(
        join(0, source_session=known[0]), end(5, source_session=known[1])
    )
    assert changes == []
    assert stays(people) == [Stay("a", 0, 5, LeftBy.ROOM_ENDED)]


def test_an_end_that_closes_one_of_two_sessions_is_not_ignored():
    people, changes = people_and_changes_after(
        join(0, "a", source_session="s1"), join(1, "b", source_session="s2"), end(5, source_session="s1")
    )
    assert changes == []
    assert list(people.open_stays) == ["b"]


def test_an_end_closes_other_stays_while_somebody_joins():
    people = people_after(join(0, "b"), join(5, "a"), end(5))
    assert stays(people) == [Stay("b", 0, 5, LeftBy.ROOM_ENDED), Stay("a", 5)]


def test_an_end_that_only_confirms_an_inferred_leave_is_ignored():
    people, changes = people_and_changes_after(join(0), leave(3, **INFERRED), end(5))
    assert changes == [EventIgnored(5, None, Kind.END, Reason.ROOM_ALREADY_EMPTY)]
    assert people.pack_unconfirmed() == ()


def test_a_second_join_is_ignored_alone_and_together_with_others():
    alone = EventIgnored(5, "a", Kind.JOIN, Reason.DUPLICATE_JOIN)
    assert ignored(join(0), join(5)) == [alone]
    assert ignored(join(0), join(5), join(5, "b")) == [alone]


def test_a_leave_without_a_join_is_ignored_alone_and_together_with_others():
    alone = EventIgnored(5, "a", Kind.LEAVE, Reason.LEAVE_WITHOUT_JOIN)
    assert ignored(leave(5)) == [alone]
    assert ignored(leave(5), join(5, "b")) == [alone]


def test_an_inferred_leave_without_a_join_is_ignored():
    assert ignored(leave(5, **INFERRED)) == [EventIgnored(5, "a", Kind.LEAVE, Reason.LEAVE_WITHOUT_JOIN)]
    assert ignored(join(0), join(5, **INFERRED)) == [EventIgnored(5, "a", Kind.JOIN, Reason.DUPLICATE_JOIN)]


def test_a_join_and_a_leave_of_one_instant_cancel_and_both_are_ignored():
    cancelled = [EventIgnored(5, "a", kind, Reason.CANCELLED_OUT) for kind in (Kind.JOIN, Kind.LEAVE)]
    assert ignored(join(5), leave(5)) == cancelled
    assert ignored(join(5, **INFERRED), leave(5, **INFERRED)) == cancelled


def test_an_inferred_event_beside_a_report_of_the_same_instant_is_outranked():
    outranked = [EventIgnored(5, "a", Kind.LEAVE, Reason.INFERRED_EVENT_OUTRANKED)]
    assert ignored(join(0), leave(5), leave(5, **INFERRED)) == outranked
    assert ignored(join(5), leave(5, **INFERRED)) == outranked


def test_an_inferred_join_beside_a_reported_one_is_outranked():
    assert ignored(join(5), join(5, **INFERRED)) == [
        EventIgnored(5, "a", Kind.JOIN, Reason.INFERRED_EVENT_OUTRANKED)
    ]


def test_a_duplicate_event_is_ignored():
    assert ignored(join(5), join(5)) == [EventIgnored(5, "a", Kind.JOIN, Reason.DUPLICATE_EVENT)]
    assert ignored(join(0), leave(5), leave(5)) == [EventIgnored(5, "a", Kind.LEAVE, Reason.DUPLICATE_EVENT)]


def test_a_join_that_opens_a_stay_is_not_ignored():
    assert ignored(join(5), join(5, "b")) == []
    assert ignored(join(0), leave(5), join(5, "b")) == []


def test_participants_of_one_instant_are_applied_in_the_order_of_their_ids():
    assert [
        change.stay.participant_id
        for change in resolved(people_after(join(5, "b"), join(5, "a")).presence_changes)
    ] == ["a", "b"]


# Names.


def test_a_known_name_is_not_replaced():
    (stay,) = stays(people_after(join(0, user_id="u1"), join(5, user_id="u2", user_name="Ann")))
    assert (stay.user_id, stay.user_name) == ("u1", "Ann")


def test_of_several_names_of_one_instant_the_first_by_alphabet_counts():
    simultaneous = [
        join(0, user_id=f"u{n}", user_name=name, source_session=f"s{n}")
        for n, name in [(2, "Bob"), (1, "Cid"), (3, "Ann")]
    ]
    people = people_after(*simultaneous, join(0))
    (stay,) = stays(people)
    assert (stay.user_id, stay.user_name) == ("u1", "Ann")
    assert people.open_stays["a"].source_session == "s1"


def test_a_session_known_later_counts_for_an_end():
    people = people_after(join(0), join(3, source_session="s1"), end(5, source_session="s2"))
    assert list(people.open_stays) == ["a"]


def test_a_session_once_known_is_not_replaced():
    people = people_after(
        join(0, source_session="s1"), join(3, source_session="s0"), end(5, source_session="s0")
    )
    assert list(people.open_stays) == ["a"]


def counted(*events):
    people = people_after(*events)
    for stay in people.open_stays.values():
        stay.counted = True
    return people


def test_a_new_name_of_a_counted_stay_is_published():
    changes = []
    counted(join(0)).apply(5, [join(5, user_name="Ann")], changes)
    named = Stay("a", 0, None, None, None, "Ann")
    assert changes == [
        EventIgnored(5, "a", Kind.JOIN, Reason.DUPLICATE_JOIN),
        ParticipantNamed(5, named),
    ]
    assert ParticipantNamed(5, named).reason is Reason.NAME_LEARNED


def test_a_new_user_id_of_a_counted_stay_is_published():
    changes = []
    counted(join(0, user_name="Ann")).apply(5, [join(5, user_id="u1")], changes)
    assert changes[-1] == ParticipantNamed(5, Stay("a", 0, None, None, "u1", "Ann"))


def test_known_names_and_names_of_pending_stays_are_not_published():
    known, too_new = counted(join(0, user_name="Ann")), people_after(join(0))
    for people in (known, too_new):
        changes = []
        people.apply(5, [join(5, user_name="Ann")], changes)
        assert not any(isinstance(change, ParticipantNamed) for change in changes)


def test_a_name_in_the_leave_was_unknown_at_the_join():
    people = people_after(join(0, user_id="u1"), leave(20, user_name="Ann"))
    stay = people.moves[0][1]
    assert stay.to_stay() == Stay("a", 0, 20, LeftBy.REPORTED, "u1", "Ann")
    assert stay.as_joined() == Stay("a", 0, None, None, "u1", None)


def test_a_user_id_in_the_leave_was_unknown_at_the_join():
    people = people_after(join(0, user_name="Ann"), leave(20, user_id="u1"))
    stay = people.moves[0][1]
    assert stay.to_stay() == Stay("a", 0, 20, LeftBy.REPORTED, "u1", "Ann")
    assert stay.as_joined() == Stay("a", 0, None, None, None, "Ann")


def test_a_name_in_one_of_several_leaves_was_unknown_at_the_join():
    people = people_after(join(0), leave(20, user_name="Ann"), leave(20, "b"))
    assert people.moves[0][1].as_joined() == Stay("a", 0)
    assert people.moves[0][1].to_stay() == Stay("a", 0, 20, LeftBy.REPORTED, None, "Ann")


@pytest.mark.parametrize(("old", "new"), [("Ann", "Bob"), ("Bob", "Ann")])
def test_where_a_stay_closes_as_the_next_opens_leaves_name_the_old_and_joins_the_new(old, new):
    people = people_after(join(0), end(20), join(20, user_name=new), leave(20, user_name=old, **INFERRED))
    assert stays(people) == [
        Stay("a", 0, 20, LeftBy.ROOM_ENDED, None, old),
        Stay("a", 20, None, None, None, new),
    ]


def test_where_a_stay_closes_and_none_opens_a_join_of_that_instant_names_it_too():
    cancelled = people_after(join(0), end(20), join(20, user_name="Ann"), leave(20))
    assert stays(cancelled) == [Stay("a", 0, 20, LeftBy.ROOM_ENDED, None, "Ann")]
    outranked = people_after(join(0), leave(20), join(20, user_name="Ann", **INFERRED))
    assert stays(outranked) == [Stay("a", 0, 20, LeftBy.REPORTED, None, "Ann")]


# Inferred leaves.


def test_an_inferred_leave_is_unconfirmed_until_a_reported_join():
    people = people_after(join(0), leave(5, **INFERRED))
    assert people.phase("a") == OUT_UNCONFIRMED
    people.apply(7, [join(7, **INFERRED)], [])
    assert people.phase("a") == IN_UNCONFIRMED
    people.apply(9, [join(9)], [])
    assert people.phase("a") == IN
    people.apply(11, [leave(11)], [])
    assert people.phase("a") == OUT
    assert people.pack_unconfirmed() == ()


def test_a_reported_leave_overrides_an_inferred_one_and_all_that_followed():
    people = people_after(join(0), leave(5, **INFERRED), join(7, user_name="Ann", **INFERRED), leave(9))
    assert stays(people) == [Stay("a", 0, 9, LeftBy.REPORTED, None, "Ann")]
    assert people.earliest_override == 0
    assert not people.open_stays


def test_names_after_an_inferred_leave_are_known_before_the_overriding_leave():
    inferred_join = join(7, user_name="Ann", **INFERRED)
    people = people_after(join(0), leave(5, **INFERRED), inferred_join, leave(9, user_id="u1"))
    stay = people.moves[0][1]
    assert stay.to_stay() == Stay("a", 0, 9, LeftBy.REPORTED, "u1", "Ann")
    assert stay.as_joined() == Stay("a", 0, None, None, None, "Ann")


def test_without_an_override_there_is_no_earliest_one():
    assert people_after(join(3), leave(5, **INFERRED)).earliest_override == NEVER


def test_the_earliest_of_two_overrides_counts():
    for first, second in [("a", "b"), ("b", "a")]:
        people = people_after(
            join(1, first), join(3, second), leave(5, first, **INFERRED), leave(5, second, **INFERRED), leave(7, "a"), leave(8, "b")
        )  # fmt: skip
        assert people.earliest_override == 1


def test_reported_leaves_without_a_join_of_the_same_instant_override():
    people = people_after(
        *(join(0, participant_id) for participant_id in "abcd"),
        *(leave(5, participant_id, **INFERRED) for participant_id in "abcd"),
    )
    simultaneous = [
        leave(9, "b"),
        leave(9, "a"),
        join(9, "b"),
        leave(9, "c", **INFERRED),
        leave(9, "e"),
        end(9),
        leave(9, "d"),
    ]
    assert people.overridden_by(simultaneous) == ["a", "d"]


def test_a_reopened_stay_is_open_since_its_join():
    people = people_after(join(2), join(3, "b"), leave(5, user_name="Ann", **INFERRED))
    people.reopen("a")
    assert (
        people.open_stays["a"].to_stay()
        == people.open_stays["a"].as_joined()
        == Stay("a", 2, None, None, None, "Ann")
    )
    assert people.phase("a") == IN
    assert people.earliest_override == 2


def test_the_earliest_of_several_reopened_stays_counts():
    for order in ("ab", "ba"):
        people = people_after(
            join(2, "a"), join(3, "b"), leave(5, "a", **INFERRED), leave(5, "b", **INFERRED)
        )
        for participant_id in order:
            people.reopen(participant_id)
        assert people.earliest_override == 2


def test_unconfirmed_leaves_are_packed_by_participant_and_restored():
    people = people_after(
        join(0, "b", user_id="u1", source_session="s1"), join(0, "a"),
        leave(5, "b", user_name="Bob", **INFERRED), leave(6, "a", inferred=Inferred.TIMEOUT),
    )  # fmt: skip
    packed = people.pack_unconfirmed()
    assert [values[0][0] for values in packed] == ["a", "b"]
    again = People()
    again.restore_unconfirmed(packed)
    assert again.pack_unconfirmed() == packed
    assert again.unconfirmed["b"].stay.to_stay() == Stay("b", 0, 5, LeftBy.SNAPSHOT, "u1", "Bob")


def test_names_after_an_inferred_leave_survive_a_restart():
    people = people_after(join(0), leave(5, **INFERRED), leave(7, user_name="Ann", **INFERRED))
    restored = People()
    restored.restore_unconfirmed(people.pack_unconfirmed())
    stay = restored.unconfirmed["a"].stay
    assert stay.to_stay() == Stay("a", 0, 5, LeftBy.SNAPSHOT)
    restored.apply(9, [leave(9)], [])
    assert stay.to_stay() == Stay("a", 0, 9, LeftBy.REPORTED, None, "Ann")


def test_rooms_do_not_share_unconfirmed_leaves():
    people_after(join(0), leave(5, **INFERRED))
    assert People().unconfirmed == {}


def test_a_packed_stay_has_all_fields():
    stay = OpenStay("a", 1, "u1", "Ann", "s1", True, '{"role":"host"}')
    assert stay.pack() == ("a", 1, "u1", "Ann", "s1", True, '{"role":"host"}', None, None)
    stay.leave, stay.left_by = 5, LeftBy.TIMEOUT
    assert stay.pack() == ("a", 1, "u1", "Ann", "s1", True, '{"role":"host"}', 5, "timeout")
    again = OpenStay.unpack(stay.pack())
    assert (again.to_stay(), again.source_session, again.reported) == (stay.to_stay(), "s1", True)
    assert again.left_by is LeftBy.TIMEOUT


def test_a_stay_knows_whether_its_join_was_reported():
    assert people_after(join(0)).open_stays["a"].reported is True
    assert people_after(join(0), join(0, "b")).open_stays["a"].reported is True
    assert people_after(join(0, **INFERRED)).open_stays["a"].reported is False


@pytest.mark.parametrize(
    ("simultaneous", "left_by"),
    [
        ([leave(5, inferred=Inferred.TIMEOUT)], LeftBy.TIMEOUT),
        ([leave(5, inferred=Inferred.TIMEOUT), leave(5, inferred=Inferred.SNAPSHOT)], LeftBy.SNAPSHOT),
        ([end(5, inferred=Inferred.ROOM_RESTARTED)], LeftBy.ROOM_RESTARTED),
        ([end(5, inferred=Inferred.ROOM_RESTARTED), leave(5, inferred=Inferred.TIMEOUT)], LeftBy.TIMEOUT),
        ([end(5, inferred=Inferred.ROOM_RESTARTED), leave(5)], LeftBy.REPORTED),
        ([end(5), leave(5, inferred=Inferred.TIMEOUT)], LeftBy.ROOM_ENDED),
        ([end(5), leave(5)], LeftBy.REPORTED),
        ([end(5), end(5, inferred=Inferred.ROOM_RESTARTED)], LeftBy.ROOM_ENDED),
    ],
)
def test_the_best_evidence_decides_how_a_stay_ended(simultaneous, left_by):
    assert stays(people_after(join(0), *simultaneous)) == [Stay("a", 0, 5, left_by)]


@pytest.mark.parametrize("others", [[join(5, **INFERRED)], [join(5)], [join(5), leave(5)]])
def test_an_inferred_end_has_its_own_reason_if_the_inferred_leave_beside_it_is_outranked(others):
    people = people_after(join(0), end(5, inferred=Inferred.ROOM_RESTARTED), leave(5, **INFERRED), *others)
    assert stays(people)[0] == Stay("a", 0, 5, LeftBy.ROOM_RESTARTED)


def test_an_end_is_compared_with_the_session_of_the_stay_that_was_last_closed_by_inference():
    people = people_after(
        join(0, source_session="s1"), leave(3, **INFERRED), join(5, source_session="s2", **INFERRED), leave(7, **INFERRED),
        end(9, source_session="s1"),
    )  # fmt: skip
    assert people.phase("a") == OUT_UNCONFIRMED
    restored = People()
    restored.restore_unconfirmed(people.pack_unconfirmed())
    for one in (people, restored):
        one.apply(11, [end(11, source_session="s2")], [])
        assert one.phase("a") == OUT


# Presence changes.


def test_presence_changes_are_published_at_once():
    alone = people_after(join(0, user_name="Ann"), leave(5))
    changes = [*resolved(alone.presence_changes)]
    assert changes == [
        PresenceChange(0, Stay("a", 0, None, None, None, "Ann"), True),
        PresenceChange(5, Stay("a", 0, 5, LeftBy.REPORTED, None, "Ann"), False),
    ]
    together = people_after(join(0, user_name="Ann"), join(0, "b"), leave(5), leave(5, "b"))
    assert [
        change for change in resolved(together.presence_changes) if change.stay.participant_id == "a"
    ] == changes


def test_presence_changes_are_published_only_if_they_are_watched():
    people = People()
    for at, simultaneous in [
        (0, [join(0), join(0, "b")]),
        (5, [leave(5), leave(5, "b")]),
        (7, [join(7)]),
        (9, [leave(9)]),
    ]:
        people.apply(at, simultaneous, [])
    assert people.presence_changes is None
    assert len(people.moves) == 6
