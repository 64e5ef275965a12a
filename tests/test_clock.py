"""The service time and the wall time, as the machine's clock changes."""

import pytest

from headcount.clock import JUMP_CONFIRMED_MS, SMALL_JUMP_MS, Clock

T = 1_800_000_000_000
YEAR = 365 * 86_400_000
DAY = 86_400_000


class Times:
    """A machine's clock that is off by `off`, and a steady clock, in ms."""

    def __init__(self):
        self.passed = 0
        self.off = 0

    def clock(self, not_before=0):
        return Clock(not_before, lambda: T + self.passed + self.off, lambda: self.passed)


@pytest.fixture
def times():
    return Times()


@pytest.mark.parametrize("off", [YEAR, -YEAR, SMALL_JUMP_MS + 1, -SMALL_JUMP_MS - 1])
def test_the_service_time_follows_a_confirmed_jump_only(times, off):
    clock = times.clock()
    times.off = off
    for times.passed in (0, 1_000, JUMP_CONFIRMED_MS - 1):
        assert clock.now() == T + times.passed
    times.passed = JUMP_CONFIRMED_MS
    assert clock.now() == T + JUMP_CONFIRMED_MS + off


@pytest.mark.parametrize("off", [YEAR, -YEAR])
def test_a_short_glitch_has_no_effect(times, off):
    clock = times.clock()
    for times.passed, times.off in ((0, 0), (10, off), (3_000, off), (3_010, 0), (60_000, 0), (60_010, off)):
        assert clock.now() == T + times.passed
    assert clock.stable_for() > DAY


def test_a_clock_that_jumps_repeatedly_is_not_followed(times):
    clock = times.clock()
    for n in range(100):
        times.passed, times.off = n * 1_000, (n + 1) * YEAR
        assert clock.now() == T + times.passed


@pytest.mark.parametrize("off", [SMALL_JUMP_MS, 1_000])
def test_small_steps_forward_are_followed_at_once(times, off):
    clock = times.clock()
    times.off = off
    assert clock.now() == T + off


def test_small_steps_back_slow_the_service_time_down(times):
    clock = times.clock()
    times.off = -SMALL_JUMP_MS
    seen = []
    for times.passed in range(0, 3 * SMALL_JUMP_MS, 1_000):
        seen.append(clock.now())
    assert seen == sorted(seen)
    assert seen[-1] == T + times.passed - SMALL_JUMP_MS


def test_a_start_before_the_log_waits_and_one_after_a_pause_does_not(times):
    behind = times.clock(T + YEAR)
    assert behind.now() == T + YEAR
    assert behind.wall_time() == T
    assert times.clock(T - YEAR).now() == T
    times.passed = JUMP_CONFIRMED_MS
    assert behind.now() == T + JUMP_CONFIRMED_MS


def test_deletion_by_age_waits_for_a_day_after_a_jump(times):
    clock = times.clock(T - DAY)
    assert clock.stable_for() > DAY
    times.off = YEAR
    clock.now()
    times.passed = JUMP_CONFIRMED_MS
    assert clock.stable_for() == 0
    times.passed += DAY
    assert clock.stable_for() == DAY
    assert times.clock(T + YEAR - 2 * DAY).stable_for() == 0
    assert times.clock(0).stable_for() > DAY


def test_each_jump_is_reported_once(times):
    clock = times.clock()
    assert clock.take_jump() is None
    times.off = -YEAR
    clock.now()
    assert clock.take_jump() == -YEAR
    assert clock.take_jump() is None
