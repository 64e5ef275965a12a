"""Intervals, compared with the sets of integers that they stand for."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from headcount.intervals import at_least, clip, intersection, total_length, union

INTERVALS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=8)


def numbers(intervals):
    return {number for start, end in intervals for number in range(start, end)}


@settings(max_examples=300, deadline=None)
@given(INTERVALS)
def test_a_union_covers_each_number_once(intervals):
    merged = union(intervals)
    assert numbers(merged) == numbers(intervals)
    assert total_length(merged) == len(numbers(intervals))
    assert all(one[1] < other[0] for one, other in zip(merged, merged[1:], strict=False))


@settings(max_examples=300, deadline=None)
@given(INTERVALS, st.integers(0, 30), st.integers(0, 30))
def test_clipping_leaves_what_lies_between_the_limits(intervals, start, end):
    clipped = clip(intervals, start, end)
    assert numbers(clipped) == numbers(intervals) & set(range(start, end))
    assert all(first < last for first, last in clipped)


@settings(max_examples=300, deadline=None)
@given(INTERVALS, st.integers(1, 4))
def test_at_least_some_of_the_intervals_cover_a_number(intervals, count):
    covered = at_least(count, intervals)
    depth = Counter(number for start, end in intervals for number in range(start, end))
    assert numbers(covered) == {number for number, times in depth.items() if times >= count}
    assert union(covered) == covered


@settings(max_examples=300, deadline=None)
@given(INTERVALS, INTERVALS)
def test_an_intersection_is_what_both_cover(some, others):
    common = intersection(union(some), union(others))
    assert numbers(common) == numbers(some) & numbers(others)
    assert union(common) == common
