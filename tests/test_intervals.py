"""Intervals, compared with the sets of integers that they stand for."""

from hypothesis import given, settings
from hypothesis import strategies as st

from headcount.intervals import clip, total_length, union

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
