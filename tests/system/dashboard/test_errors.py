"""Each trouble, as it is told: only while it is one, with its numbers, and with what to do."""

import pytest

from headcount.dashboard.feed import Counts, Worked
from headcount.dashboard.pages import endpoints, health
from headcount.store.sources import SourceRow, SourceStat
from headcount.store.webhooks import Endpoint, RetryType, State

NOW = 1_800_000_000_000
HOUR = 3_600_000
WELL = Counts(
    alive=True, behind=3, behind_s=0.2, worked=Worked(1_000, 90, 0.5, 4, 2, 3, 3), failures=0, duplicates=5,
    appends=9, append_s=0.1, ahead=0,
)  # fmt: skip


def of_the_engine(**changed):
    return [trouble.told for trouble in health.of_the_engine(WELL._replace(**changed), 30)]


def of_a_source(*tallies, in_use=False, letters=0, created=NOW):
    row = SourceRow("t", "jitsi", "acme", "our server", ("word",), created=created)
    known = {what: SourceStat("t", what, number, NOW - ago, told) for what, number, ago, told in tallies}
    line = health.Line(row, known, None, letters, ())
    return [trouble.told for trouble in health.of_a_source(line, NOW, in_use=in_use)]


def of_an_endpoint(state, waiting, parked, *, named=True):
    row = Endpoint("e", "acme", "https://hooks.example/x", ("AAEC",), None, RetryType.EXPONENTIAL, (), state)
    line = endpoints.Line(row, waiting, parked, None)
    return list(health.of_an_endpoint(line, named=named))


def test_a_process_that_does_well_has_no_trouble():
    assert of_the_engine() == []
    assert of_the_engine(worked=None) == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"alive": False}, "has stopped"),
        ({"behind": 1_234, "behind_s": 61.0}, "1 min (1234 entries) behind"),
        ({"failures": 1}, "refused 1 round "),
        ({"failures": 2}, "refused 2 rounds "),
        ({"ahead": HOUR}, "1 h 00 ahead"),
        ({"worked": Worked(200, 9, 0.1, 0, 0, 20, 20)}, "40 of 200 joins and leaves do not fit"),
    ],
)
def test_trouble_of_the_engine_is_told(changed, told):
    (only,) = of_the_engine(**changed)
    assert told in only


def test_a_little_lag_and_a_few_that_do_not_fit_are_no_trouble():
    assert of_the_engine(behind=10_000, behind_s=29.0) == []
    assert of_the_engine(worked=Worked(20, 9, 0.1, 0, 0, 10, 10)) == []


@pytest.mark.parametrize(
    ("tally", "told"),
    [
        (("refused", 1, HOUR, "no signature"), "1 delivery of 'our server' was refused (no signature)"),
        (("refused", 2, HOUR, None), "2 deliveries of 'our server' were refused"),
        (("malformed", 1, HOUR, "not JSON"), "neither JSON nor a form (not JSON)"),
        (("ahead", 7, HOUR, "its clock is 9 s ahead of ours"), "its clock is 9 s ahead of ours. Let"),
        (("poll_failed", 3, HOUR, "it is gone"), "cannot be polled (it is gone)"),
    ],
)
def test_trouble_of_a_source_is_told_while_it_is_fresh(tally, told):
    came = ("deliveries", 9, 1_000, None)
    (only,) = of_a_source(came, tally)
    assert told in only
    what, number, _, said = tally
    if what != "poll_failed":
        assert of_a_source(came, (what, number, 25 * HOUR, said)) == []


def test_a_poll_that_failed_is_no_trouble_once_one_succeeded():
    assert of_a_source(("poll_failed", 1, HOUR, "gone"), ("polls", 9, 1_000, "nobody"), created=0) == []


def test_a_source_from_which_nothing_came_is_given_an_hour():
    assert of_a_source(created=NOW - HOUR // 2) == []
    (told,) = of_a_source(created=NOW - 2 * HOUR)
    assert "Nothing has come from 'our server' yet" in told
    assert "docs/sources/jitsi" in told


def test_a_source_that_fell_silent_is_told_of_only_while_meetings_go_on():
    came = ("deliveries", 9, 30 * HOUR, None)
    assert of_a_source(came) == []
    (told,) = of_a_source(came, in_use=True)
    assert "for 30 h 00, though meetings go on" in told


def test_what_could_not_be_read_is_told_until_it_was():
    came = ("deliveries", 9, 99 * HOUR, None)
    (told,) = of_a_source(came, letters=2)
    assert "2 deliveries of 'our server' were genuine and could not be read" in told


def test_an_endpoint_that_failed_can_be_set_going_and_parked_messages_sent():
    failed, parked = of_an_endpoint(State.FAILED, 1, 4)
    assert "failed and is sent nothing more; 1 message waits" in failed.told
    assert "did not take 4 messages" in parked.told
    assert [trouble.act[0] for trouble in (failed, parked)] == [
        "/settings/webhooks/e/revive",
        "/settings/webhooks/e/replay",
    ]
    assert of_an_endpoint(State.ACTIVE, 9, 0) == []


def test_the_address_of_an_endpoint_is_not_for_everybody():
    (failed,) = of_an_endpoint(State.FAILED, 1, 0, named=False)
    assert "hooks.example" not in failed.told
