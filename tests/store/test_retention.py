"""Retention rules, legal holds and previews."""

import pytest

from headcount.errors import BadInput
from headcount.kernel.events import Event, Kind
from headcount.store.records import DAY_MS
from headcount.store.retention import HoldKind, RoomRetention, most_specific, new_rule
from support.stored import DOMAIN, StoredEngine

T0 = 1_767_225_600_000


def rule(pattern, names=None, events=None, meetings=None, domain=DOMAIN):
    return new_rule(domain, pattern, names, events, meetings, T0)


@pytest.mark.parametrize(
    ("room", "pattern"),
    [
        ("lecture-8", "lecture-*"),
        ("lecture-7b", "lecture-7*"),
        ("lecture-777", "lecture-777"),
        ("seminar", "*"),
    ],
)
def test_the_rule_with_the_most_characters_besides_the_star_applies_alone(room, pattern):
    rules = [rule(one, 30) for one in ("*", "lecture-*", "lecture-7*", "lecture-777", "lecture-777*")]
    assert most_specific(rules, room).pattern == pattern


def test_no_rule_applies_to_a_room_that_no_pattern_matches():
    assert most_specific([rule("lecture-*", 30)], "my-lecture-7") is None


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ((None, None, 365), (365, 365, 365)),
        ((None, 90, 365), (90, 90, 365)),
        ((30, None, None), (30, None, None)),
        ((30, None, 365), (30, 365, 365)),
    ],
)
def test_what_has_no_time_of_its_own_is_stored_as_long_as_what_includes_it(given, stored):
    assert rule("*", *given)[2:5] == stored


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((None, None, None), "a rule needs at least one of names, events and meetings"),
        ((91, 90, 365), "names cannot be stored longer than events, got 91 and 90 days"),
        ((30, 400, 365), "events cannot be stored longer than meetings, got 400 and 365 days"),
        ((0, 90, 365), "names: expected 1 to 36,500 days, got 0"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused_with_the_reason(given, message):
    with pytest.raises(BadInput, match=message):
        rule("*", *given)


def test_rules_are_replaced_and_deleted_by_domain(store):
    retention = store.retention
    for one in (rule("*", 30), rule("*", 60), rule("a*", 5, domain="other")):
        retention.set_rule(one)
    assert [(one.domain, one.names_days) for one in retention.rules()] == [(DOMAIN, 60), ("other", 5)]
    assert retention.rule_of(DOMAIN, "blue").names_days == 60
    assert not retention.delete_rule(DOMAIN, "a*")
    assert retention.delete_rule(DOMAIN, "*")
    assert retention.rule_of(DOMAIN, "blue") is None
    assert retention.progress(DOMAIN, "blue") == RoomRetention()


def test_a_hold_is_listed_until_it_is_released_and_recorded_after_that(store):
    retention = store.retention
    hold = retention.create_hold(DOMAIN, HoldKind.USER, "u-7", "case 1", T0, "key a")
    assert retention.holds(DOMAIN) == retention.active_holds() == [hold]
    assert retention.holds("other") == []
    assert retention.release_hold("other", hold.number, T0 + 1, "key b") is None
    released = retention.release_hold(DOMAIN, hold.number, T0 + 1, "key b")
    assert (released.released, released.released_by) == (T0 + 1, "key b")
    assert retention.release_hold(DOMAIN, hold.number, T0 + 2, "key b") is None
    assert retention.holds(DOMAIN, released=False) == retention.active_holds() == []
    assert retention.holds(DOMAIN) == [released]


def test_a_hold_on_a_meeting_that_does_not_exist_is_refused(store):
    with pytest.raises(BadInput, match="there is no meeting 'm-1' in the domain 'default'"):
        store.retention.create_hold(DOMAIN, HoldKind.MEETING, "m-1", "case 1", T0, "key a")
    with pytest.raises(BadInput, match="a legal hold needs a reason"):
        store.retention.create_hold(DOMAIN, HoldKind.ROOM, "blue", " ", T0, "key a")


def test_a_preview_counts_what_has_reached_the_end_of_its_time(tmp_path):
    made = StoredEngine(tmp_path)
    for start in (T0, T0 + 20 * DAY_MS):
        for who in ("a", "b"):
            made.append(Event(Kind.JOIN, "blue", start, who), Event(Kind.LEAVE, "blue", start + 60_000, who))
    made.show(T0 + 21 * DAY_MS)
    retention = made.store.retention
    retention.set_rule(rule("b*", 5, 15, 35))
    (found,) = retention.preview(DOMAIN, T0 + 30 * DAY_MS)
    assert found[1:] == (1, 4, 4, 0)
    (found,) = retention.preview(DOMAIN, T0 + 36 * DAY_MS)
    assert found[1:] == (1, 4, 8, 1)
    made.close()
