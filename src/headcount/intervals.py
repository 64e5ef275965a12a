"""Half-open intervals of integers, [start, end): union, intersection and total length.

Responsible for the arithmetic that stays, attendance and usage share. Must not know what the numbers measure.
"""

from collections.abc import Iterable, Sequence

Interval = tuple[int, int]
"""A start and an end. The interval is empty if the end is not greater than the start."""


def union(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the intervals that cover the same numbers and neither overlap nor touch, in ascending order."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return tuple(merged)


def clip(intervals: Iterable[Interval], start: int, end: int) -> tuple[Interval, ...]:
    """Return the part of each interval that lies in [start, end), without those that have none."""
    clipped = ((max(a, start), min(b, end)) for a, b in intervals)
    return tuple((a, b) for a, b in clipped if a < b)


def total_length(intervals: Iterable[Interval]) -> int:
    """Return the sum of the lengths. Overlapping intervals count twice: pass a `union` to count time once."""
    return sum(end - start for start, end in intervals)


def at_least(count: int, intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return what at least `count` of the intervals cover, 1 or more, as `union` returns it."""
    known = [interval for interval in intervals if interval[0] < interval[1]]
    starts, ends = sorted(start for start, _ in known), sorted(end for _, end in known)
    # After n ends, the next end closes what the start number n + count opened, if that was before.
    return union(zip(starts[count - 1 :], ends, strict=False))


def intersection(some: Sequence[Interval], others: Sequence[Interval]) -> tuple[Interval, ...]:
    """Return what two unions both cover, as `union` returns it."""
    common: list[Interval] = []
    first = second = 0
    while first < len(some) and second < len(others):
        start = max(some[first][0], others[second][0])
        end = min(some[first][1], others[second][1])
        if start < end:
            common.append((start, end))
        if some[first][1] < others[second][1]:
            first += 1
        else:
            second += 1
    return tuple(common)
