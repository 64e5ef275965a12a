"""People: stays, changes and doors after each instant of a room (R1-R3a)."""

from itertools import groupby

import pytest

from headcount.kernel.arrivals import Door
from headcount.kernel.changes import Because, EventIgnored, ParticipantNamed
from headcount.kernel.events import Event, Inferred, Kind
from headcount.kernel.meetings import Stay
from headcount.kernel.people import OpenStay, People
from headcount.kernel.rules import NEVER
from headcount.kernel.stay_table import AGAIN, DOUBTED, IN, OUT, LeftBy

GUESS = {"inferred": Inferred.SNAPSHOT}


def join(at, who="a", **known):
    return Event(Kind.JOIN, "r", at, who, **known)


def leave(at, who="a", **known):
    return Event(Kind.LEAVE, "r", at, who, **known)


def end(at, **known):
    return Event(Kind.END, "r", at, **known)


def people_after(*events):
    """Return the people of a room after these events, in order of time, with watched doors."""
    people = People([])
    people.doors = []
    for at, heard in groupby(events, key=lambda event: event.at):
        people.take(at, list(heard))
    return people


def stays(people):
    """Return all stays in their current form."""
    return [stay.frozen() for _, stay, coming in people.moves if coming and not stay.dropped]


def ignored(*events):
    return [change for change in people_after(*events).changes if isinstance(change, EventIgnored)]


# What is said in vain.


def test_an_end_in_an_empty_room_concerns_nobody():
    assert ignored(end(5)) == [EventIgnored(5, None, Kind.END, Because.END_OF_NOBODY)]


def test_each_of_two_ends_of_nobody_is_ignored():
    nothing = EventIgnored(5, None, Kind.END, Because.END_OF_NOBODY)
    assert ignored(end(5), end(5, source_session="s1")) == [nothing, nothing]


def test_an_end_of_another_session_concerns_nobody_and_closes_nothing():
    people = people_after(join(0, source_session="s1"), end(5, source_session="s2"))
    assert people.changes == [EventIgnored(5, None, Kind.END, Because.END_OF_NOBODY)]
    assert list(people.present) == ["a"]


@pytest.mark.parametrize("known", [(None, None), ("s1", None), (None, "s1"), ("s1", "s1")])
def test_an_end_closes_the_stays_of_its_session_and_those_of_an_unknown_one(known):
    people = people_after(join(0, source_session=known[0]), end(5, source_session=known[1]))
    assert people.changes == []
    assert stays(people) == [Stay("a", 0, 5, LeftBy.ROOM_ENDED)]


def test_an_end_that_closes_one_of_two_sessions_is_not_ignored():
    people = people_after(
        join(0, "a", source_session="s1"), join(1, "b", source_session="s2"), end(5, source_session="s1")
    )
    assert people.changes == []
    assert list(people.present) == ["b"]


def test_an_end_closes_other_stays_while_somebody_joins():
    people = people_after(join(0, "b"), join(5, "a"), end(5))
    assert stays(people) == [Stay("b", 0, 5, LeftBy.ROOM_ENDED), Stay("a", 5)]


def test_an_end_that_only_confirms_a_guess_concerns_nobody_who_is_in():
    people = people_after(join(0), leave(3, **GUESS), end(5))
    assert people.changes == [EventIgnored(5, None, Kind.END, Because.END_OF_NOBODY)]
    assert people.packed_doubts() == ()


def test_a_second_join_is_ignored_alone_and_together_with_others():
    alone = EventIgnored(5, "a", Kind.JOIN, Because.REPEATED_JOIN)
    assert ignored(join(0), join(5)) == [alone]
    assert ignored(join(0), join(5), join(5, "b")) == [alone]


def test_a_leave_of_nobody_is_ignored_alone_and_together_with_others():
    alone = EventIgnored(5, "a", Kind.LEAVE, Because.ORPHAN_LEAVE)
    assert ignored(leave(5)) == [alone]
    assert ignored(leave(5), join(5, "b")) == [alone]


def test_a_guessed_leave_of_nobody_is_ignored_as_any_other():
    assert ignored(leave(5, **GUESS)) == [EventIgnored(5, "a", Kind.LEAVE, Because.ORPHAN_LEAVE)]
    assert ignored(join(0), join(5, **GUESS)) == [EventIgnored(5, "a", Kind.JOIN, Because.REPEATED_JOIN)]


def test_a_join_and_a_leave_of_one_instant_cancel_and_both_are_ignored():
    cancelled = [EventIgnored(5, "a", kind, Because.CANCELLED) for kind in (Kind.JOIN, Kind.LEAVE)]
    assert ignored(join(5), leave(5)) == cancelled
    assert ignored(join(5, **GUESS), leave(5, **GUESS)) == cancelled


def test_a_guess_beside_a_report_of_the_same_instant_is_outranked():
    outranked = [EventIgnored(5, "a", Kind.LEAVE, Because.GUESS_OUTRANKED)]
    assert ignored(join(0), leave(5), leave(5, **GUESS)) == outranked
    assert ignored(join(5), leave(5, **GUESS)) == outranked


def test_a_guessed_join_beside_a_reported_one_is_outranked():
    assert ignored(join(5), join(5, **GUESS)) == [EventIgnored(5, "a", Kind.JOIN, Because.GUESS_OUTRANKED)]


def test_what_is_delivered_twice_is_ignored_the_second_time():
    assert ignored(join(5), join(5)) == [EventIgnored(5, "a", Kind.JOIN, Because.DELIVERED_TWICE)]
    assert ignored(join(0), leave(5), leave(5)) == [EventIgnored(5, "a", Kind.LEAVE, Because.DELIVERED_TWICE)]


def test_a_join_that_moves_somebody_alone_is_not_ignored():
    assert ignored(join(5), join(5, "b")) == []
    assert ignored(join(0), leave(5), join(5, "b")) == []


def test_participants_of_one_instant_are_taken_in_the_order_of_their_names():
    assert [door.stay.participant_id for door in people_after(join(5, "b"), join(5, "a")).doors] == ["a", "b"]


# Names.


def test_a_stay_learns_what_is_not_known_and_nothing_else():
    (stay,) = stays(people_after(join(0, user_id="u1"), join(5, user_id="u2", user_name="Ann")))
    assert (stay.user_id, stay.user_name) == ("u1", "Ann")


def test_of_several_names_of_one_instant_the_first_by_alphabet_is_learnt():
    heard = [
        join(0, user_id=f"u{n}", user_name=name, source_session=f"s{n}")
        for n, name in [(2, "Bob"), (1, "Cid"), (3, "Ann")]
    ]
    people = people_after(*heard, join(0))
    (stay,) = stays(people)
    assert (stay.user_id, stay.user_name) == ("u1", "Ann")
    assert people.present["a"].source_session == "s1"


def test_a_session_that_is_learnt_later_counts_for_an_end():
    people = people_after(join(0), join(3, source_session="s1"), end(5, source_session="s2"))
    assert list(people.present) == ["a"]


def test_a_session_once_known_is_not_replaced():
    people = people_after(
        join(0, source_session="s1"), join(3, source_session="s0"), end(5, source_session="s0")
    )
    assert list(people.present) == ["a"]


def counted(*events):
    people = people_after(*events)
    for stay in people.present.values():
        stay.counted = True
    return people


def test_a_new_name_of_a_counted_stay_is_reported():
    people = counted(join(0))
    people.take(5, [join(5, user_name="Ann")])
    named = Stay("a", 0, None, None, None, "Ann")
    assert people.changes == [
        EventIgnored(5, "a", Kind.JOIN, Because.REPEATED_JOIN),
        ParticipantNamed(5, named),
    ]
    assert ParticipantNamed(5, named).because is Because.NAME_LEARNT


def test_a_new_user_id_of_a_counted_stay_is_reported():
    people = counted(join(0, user_name="Ann"))
    people.take(5, [join(5, user_id="u1")])
    assert people.changes[-1] == ParticipantNamed(5, Stay("a", 0, None, None, "u1", "Ann"))


def test_known_names_and_names_of_pending_stays_are_not_reported():
    known = counted(join(0, user_name="Ann"))
    known.take(5, [join(5, user_name="Ann")])
    too_new = people_after(join(0))
    too_new.take(5, [join(5, user_name="Ann")])
    for people in (known, too_new):
        assert not any(isinstance(change, ParticipantNamed) for change in people.changes)


def test_a_name_that_comes_with_the_leave_was_not_known_when_somebody_joined():
    people = people_after(join(0, user_id="u1"), leave(20, user_name="Ann"))
    stay = people.moves[0][1]
    assert stay.frozen() == Stay("a", 0, 20, LeftBy.REPORTED, "u1", "Ann")
    assert stay.as_joined() == Stay("a", 0, None, None, "u1", None)


def test_a_user_id_that_comes_with_the_leave_was_not_known_when_somebody_joined():
    people = people_after(join(0, user_name="Ann"), leave(20, user_id="u1"))
    stay = people.moves[0][1]
    assert stay.frozen() == Stay("a", 0, 20, LeftBy.REPORTED, "u1", "Ann")
    assert stay.as_joined() == Stay("a", 0, None, None, None, "Ann")


def test_a_name_that_comes_with_one_of_several_leaves_was_not_known_at_the_join():
    people = people_after(join(0), leave(20, user_name="Ann"), leave(20, "b"))
    assert people.moves[0][1].as_joined() == Stay("a", 0)
    assert people.moves[0][1].frozen() == Stay("a", 0, 20, LeftBy.REPORTED, None, "Ann")


def test_where_a_stay_closes_as_the_next_opens_leaves_name_the_old_and_joins_the_new():
    people = people_after(join(0), end(20), join(20, user_name="New"), leave(20, user_name="Old", **GUESS))
    assert stays(people) == [
        Stay("a", 0, 20, LeftBy.ROOM_ENDED, None, "Old"),
        Stay("a", 20, None, None, None, "New"),
    ]


def test_where_a_stay_closes_and_none_opens_a_join_of_that_instant_names_it_too():
    cancelled = people_after(join(0), end(20), join(20, user_name="Ann"), leave(20))
    assert stays(cancelled) == [Stay("a", 0, 20, LeftBy.ROOM_ENDED, None, "Ann")]
    outranked = people_after(join(0), leave(20), join(20, user_name="Ann", **GUESS))
    assert stays(outranked) == [Stay("a", 0, 20, LeftBy.REPORTED, None, "Ann")]


# Guesses.


def test_a_guessed_leave_is_doubted_until_somebody_is_reported_to_join():
    people = people_after(join(0), leave(5, **GUESS))
    assert people.phase("a") == DOUBTED
    people.take(7, [join(7, **GUESS)])
    assert people.phase("a") == AGAIN
    people.take(9, [join(9)])
    assert people.phase("a") == IN
    people.take(11, [leave(11)])
    assert people.phase("a") == OUT
    assert people.packed_doubts() == ()


def test_a_reported_leave_overturns_a_guess_and_all_that_followed_it():
    people = people_after(join(0), leave(5, **GUESS), join(7, user_name="Ann", **GUESS), leave(9))
    assert stays(people) == [Stay("a", 0, 9, LeftBy.REPORTED, None, "Ann")]
    assert people.reaches_back == 0
    assert not people.present


def test_names_learnt_after_an_inferred_leave_are_known_before_the_overturning_leave():
    guessed_back = join(7, user_name="Ann", **GUESS)
    people = people_after(join(0), leave(5, **GUESS), guessed_back, leave(9, user_id="u1"))
    stay = people.moves[0][1]
    assert stay.frozen() == Stay("a", 0, 9, LeftBy.REPORTED, "u1", "Ann")
    assert stay.as_joined() == Stay("a", 0, None, None, None, "Ann")


def test_nothing_reaches_back_before_a_guess_is_overturned():
    assert people_after(join(3), leave(5, **GUESS)).reaches_back == NEVER


def test_the_earliest_of_two_overturned_guesses_is_reached_back_to():
    for first, second in [("a", "b"), ("b", "a")]:
        people = people_after(
            join(1, first), join(3, second), leave(5, first, **GUESS), leave(5, second, **GUESS), leave(7, "a"), leave(8, "b")
        )  # fmt: skip
        assert people.reaches_back == 1


def test_the_guesses_that_one_instant_overturns_are_those_of_who_is_reported_to_leave():
    people = people_after(*(join(0, who) for who in "abcd"), *(leave(5, who, **GUESS) for who in "abcd"))
    heard = [
        leave(9, "b"),
        leave(9, "a"),
        join(9, "b"),
        leave(9, "c", **GUESS),
        leave(9, "e"),
        end(9),
        leave(9, "d"),
    ]
    assert people.overturned_by(heard) == ["a", "d"]


def test_somebody_whose_guessed_leave_is_taken_back_is_in_since_their_join():
    people = people_after(join(2), join(3, "b"), leave(5, user_name="Ann", **GUESS))
    people.reopen("a")
    assert (
        people.present["a"].frozen()
        == people.present["a"].as_joined()
        == Stay("a", 2, None, None, None, "Ann")
    )
    assert people.phase("a") == IN
    assert people.reaches_back == 2


def test_of_several_who_are_taken_back_the_earliest_join_is_reached_back_to():
    for order in ("ab", "ba"):
        people = people_after(join(2, "a"), join(3, "b"), leave(5, "a", **GUESS), leave(5, "b", **GUESS))
        for who in order:
            people.reopen(who)
        assert people.reaches_back == 2


def test_doubts_are_remembered_by_name_and_restored():
    people = people_after(
        join(0, "b", user_id="u1", source_session="s1"), join(0, "a"),
        leave(5, "b", user_name="Bob", **GUESS), leave(6, "a", inferred=Inferred.TIMEOUT),
    )  # fmt: skip
    packed = people.packed_doubts()
    assert [doubt[0][0] for doubt in packed] == ["a", "b"]
    again = People([])
    again.restore_doubts(packed)
    assert again.packed_doubts() == packed
    assert again.doubts["b"].stay.frozen() == Stay("b", 0, 5, LeftBy.SNAPSHOT, "u1", "Bob")


def test_names_learnt_in_doubt_survive_a_restart():
    people = people_after(join(0), leave(5, **GUESS), leave(7, user_name="Ann", **GUESS))
    restored = People([])
    restored.restore_doubts(people.packed_doubts())
    stay = restored.doubts["a"].stay
    assert stay.frozen() == Stay("a", 0, 5, LeftBy.SNAPSHOT)
    restored.take(9, [leave(9)])
    assert stay.frozen() == Stay("a", 0, 9, LeftBy.REPORTED, None, "Ann")


def test_rooms_do_not_share_their_doubts():
    people_after(join(0), leave(5, **GUESS))
    assert People([]).doubts == {}


def test_a_stay_is_remembered_whole():
    stay = OpenStay("a", 1, "u1", "Ann", "s1", True)
    assert stay.packed() == ("a", 1, "u1", "Ann", "s1", True, None, None)
    stay.leave, stay.left_by = 5, LeftBy.TIMEOUT
    assert stay.packed() == ("a", 1, "u1", "Ann", "s1", True, 5, "timeout")
    again = OpenStay.unpacked(stay.packed())
    assert (again.frozen(), again.source_session, again.reported) == (stay.frozen(), "s1", True)
    assert again.left_by is LeftBy.TIMEOUT


def test_a_stay_knows_whether_its_join_was_reported():
    assert people_after(join(0)).present["a"].reported is True
    assert people_after(join(0), join(0, "b")).present["a"].reported is True
    assert people_after(join(0, **GUESS)).present["a"].reported is False


@pytest.mark.parametrize(
    ("heard", "left_by"),
    [
        ([leave(5, inferred=Inferred.TIMEOUT)], LeftBy.TIMEOUT),
        ([leave(5, inferred=Inferred.TIMEOUT), leave(5, inferred=Inferred.SNAPSHOT)], LeftBy.SNAPSHOT),
        ([end(5, inferred=Inferred.SUPERSEDED)], LeftBy.SUPERSEDED),
        ([end(5, inferred=Inferred.SUPERSEDED), leave(5, inferred=Inferred.TIMEOUT)], LeftBy.TIMEOUT),
        ([end(5, inferred=Inferred.SUPERSEDED), leave(5)], LeftBy.REPORTED),
        ([end(5), leave(5, inferred=Inferred.TIMEOUT)], LeftBy.ROOM_ENDED),
        ([end(5), leave(5)], LeftBy.REPORTED),
        ([end(5), end(5, inferred=Inferred.SUPERSEDED)], LeftBy.ROOM_ENDED),
    ],
)
def test_the_best_evidence_says_how_a_stay_ended(heard, left_by):
    assert stays(people_after(join(0), *heard)) == [Stay("a", 0, 5, left_by)]


@pytest.mark.parametrize("others", [[join(5, **GUESS)], [join(5)], [join(5), leave(5)]])
def test_an_inferred_end_gives_its_own_reason_where_a_guessed_leave_beside_it_does_not_stand(others):
    people = people_after(join(0), end(5, inferred=Inferred.SUPERSEDED), leave(5, **GUESS), *others)
    assert stays(people)[0] == Stay("a", 0, 5, LeftBy.SUPERSEDED)


def test_an_end_is_held_against_the_session_of_the_stay_that_a_guess_closed_last():
    people = people_after(
        join(0, source_session="s1"), leave(3, **GUESS), join(5, source_session="s2", **GUESS), leave(7, **GUESS),
        end(9, source_session="s1"),
    )  # fmt: skip
    assert people.phase("a") == DOUBTED
    restored = People([])
    restored.restore_doubts(people.packed_doubts())
    for one in (people, restored):
        one.take(11, [end(11, source_session="s2")])
        assert one.phase("a") == OUT


# The doors.


def test_doors_report_joins_and_leaves_at_once():
    alone = people_after(join(0, user_name="Ann"), leave(5))
    assert alone.doors == [
        Door(0, Stay("a", 0, None, None, None, "Ann"), True),
        Door(5, Stay("a", 0, 5, LeftBy.REPORTED, None, "Ann"), False),
    ]
    together = people_after(join(0, user_name="Ann"), join(0, "b"), leave(5), leave(5, "b"))
    assert [door for door in together.doors if door.stay.participant_id == "a"] == alone.doors


def test_doors_that_are_not_watched_report_nothing():
    people = People([])
    for at, heard in [
        (0, [join(0), join(0, "b")]),
        (5, [leave(5), leave(5, "b")]),
        (7, [join(7)]),
        (9, [leave(9)]),
    ]:
        people.take(at, heard)
    assert people.doors is None
    assert len(people.moves) == 6
