"""Parts of a batch, and the commit of a batch that may have parts that the store rejects.

All parts write into one batch. If the store rejects it, the parts at fault are found by bisection and replaced.

Responsible for which parts are at fault. Must not know what is committed instead of them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from headcount.engine.engine_store import EngineProjections
from headcount.engine.room_cache import CachedRoom
from headcount.store.database import StoreError, StoreRejected
from headcount.store.records import BatchChanges, Sizes

_MANY_PARTS: Final = 8


@dataclass(slots=True)
class BatchPart:
    """One room, or the notifications of one meeting, in a batch. Its changes begin where the batch had the sizes `start`.

    Its entries were processed up to `before` and are now up to `position`.
    """

    key: Any
    start: Sizes
    before: int
    position: int
    cached: CachedRoom | None = None


Replace = Callable[[BatchChanges, BatchPart, Exception], None]
"""Writes what to commit instead of a part into another batch."""


def is_contained(error: Exception) -> bool:
    """Return whether only one room failed. Otherwise the store is unavailable."""
    return isinstance(error, StoreRejected) or not isinstance(error, StoreError)


def commit_parts(
    projections: EngineProjections,
    epoch: int,
    batch: BatchChanges,
    parts: Sequence[BatchPart],
    replace: Replace,
) -> tuple[BatchChanges, float]:
    """Commit the batch of these parts. Return what was committed, and how long it took, in seconds.

    If the store rejects all of many parts, the parts are not the reason.
    """
    try:
        return batch, projections.commit(batch, epoch)
    except Exception as error:
        if not is_contained(error):
            raise
        bounds = [*(part.start for part in parts), batch.sizes()]
        rejected = dict(_rejected(projections, batch, bounds, 0, len(parts)))
        if not rejected or len(rejected) == len(parts) > _MANY_PARTS:
            raise
        accepted = BatchChanges(batch.cursor)
        for number, part in enumerate(parts):
            if number in rejected:
                replace(accepted, part, rejected[number])
            else:
                accepted.add(batch, bounds[number], bounds[number + 1])
        return accepted, projections.commit(accepted, epoch)


def _rejected(
    projections: EngineProjections, batch: BatchChanges, bounds: Sequence[Sizes], first: int, end: int
) -> Iterator[tuple[int, Exception]]:
    """Yield the numbers of the parts from `first` to `end` that the store rejects, and why."""
    some = BatchChanges(batch.cursor)
    some.add(batch, bounds[first], bounds[end])
    error = projections.rejection(some)
    if error is not None and end - first == 1:
        yield first, error
    elif error is not None:
        half = (first + end) // 2
        yield from _rejected(projections, batch, bounds, first, half)
        yield from _rejected(projections, batch, bounds, half, end)
