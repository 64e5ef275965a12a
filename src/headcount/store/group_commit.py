"""Group commit: entries of many requests in one commit.

While one commit is written to the disk, the next one gathers, so the number of commits depends on the disk and not on
the number of requests. The answer to a request waits for the commit of its entries.

Responsible for the queue, its limit and its time limit. Must not know where the entries come from.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from queue import Empty, SimpleQueue
from time import monotonic, perf_counter
from typing import Final

from headcount.store.database import NoLogHere, StoreBusy, StoreError, StoreRejected, StoreTimeout
from headcount.store.log import Log
from headcount.store.records import AppendResult, LogEntry

_COMMIT_LIMIT: Final = 20_000
_QUEUE_LIMIT: Final = 200_000
_STOP: Final = None


Callback = Callable[[AppendResult | Exception], None]
"""Receives the result of entries, in the event loop from which they came."""


class _Group:
    """The requests of one turn of the event loop: their entries, and the callbacks for their results.

    `callbacks` is empty once they were called.
    """

    __slots__ = ("callbacks", "entries", "loop", "size", "until")

    def __init__(self, loop: asyncio.AbstractEventLoop, until: float) -> None:
        self.entries: list[Sequence[LogEntry]] = []
        self.callbacks: list[Callback] = []
        self.size = 0
        self.loop = loop
        self.until = until


class GroupCommit:
    """Appends to the log from a thread of its own. `on_append` is called after each commit and its answers.

    A request that has waited for `timeout_s` seconds gets a `StoreTimeout`, whether its entries are stored or not.
    """

    def __init__(self, log: Log, on_append: Callable[[], None], timeout_s: float = 30) -> None:
        self._log = log
        self._on_append = on_append
        self._timeout_s = timeout_s
        self._open: _Group | None = None
        self._unanswered: deque[_Group] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._queue: SimpleQueue[_Group | None] = SimpleQueue()
        self._queued_entries = 0
        self._closed = False
        self.commits = 0
        self.commit_s = 0.0
        self.failed: tuple[float, StoreError] | None = None
        """When the last commit failed (`monotonic`), and why, or None if it did not."""
        self._thread = threading.Thread(target=self._run, name="appender", daemon=True)
        self._thread.start()

    async def append(self, entries: Sequence[LogEntry]) -> AppendResult:
        """Append entries and wait until they are durable. Raise `StoreBusy` if the queue is full."""
        future: asyncio.Future[AppendResult] = asyncio.get_running_loop().create_future()

        def finish(result: AppendResult | Exception) -> None:
            if future.done():  # the request was cancelled
                return
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

        self.submit(entries, finish)
        return await future

    def submit(self, entries: Sequence[LogEntry], callback: Callback) -> None:
        """Append entries without waiting, and call `callback` in the running loop. Raise as `append` does."""
        if self._closed:
            raise StoreBusy("the service is stopping; nothing was stored, send it again")
        if self._queued_entries > _QUEUE_LIMIT:
            raise StoreBusy("the disk cannot keep up; nothing was stored, send it again")
        self._log.require(entries)
        self._queued_entries += len(entries)
        group = self._open
        if group is None:
            loop = asyncio.get_running_loop()
            group = self._open = _Group(loop, loop.time() + self._timeout_s)
            loop.call_soon(self._send)  # after the other requests that have arrived
        group.entries.append(entries)
        group.callbacks.append(callback)
        group.size += len(entries)
        if group.size >= _COMMIT_LIMIT:
            self._send()

    def close(self) -> None:
        """Commit the queued entries, and accept no more."""
        self._closed = True
        group, self._open = self._open, None
        if group is not None:
            self._queue.put(group)
        self._queue.put(_STOP)
        self._thread.join()

    def _send(self) -> None:
        """Pass the open group to the thread. Runs in the event loop."""
        group, self._open = self._open, None
        if group is None:
            return
        self._unanswered.append(group)
        if self._timer is None:
            self._timer = group.loop.call_later(self._timeout_s, self._time_out)
        self._queue.put(group)

    def _time_out(self) -> None:
        """Answer requests that have waited too long, and set the timer for the next one. Runs in the event loop."""
        self._timer = None
        waiting = self._unanswered
        while waiting and (not waiting[0].callbacks or waiting[0].until <= waiting[0].loop.time()):
            error = StoreTimeout(
                f"the store has not answered within {self._timeout_s:g} s, and whether it took this is not known:"
                " send it again; duplicates are ignored"
            )
            for callback in _taken(waiting.popleft()):
                callback(error)
        if waiting:
            first = waiting[0]
            self._timer = first.loop.call_later(max(0.0, first.until - first.loop.time()), self._time_out)

    def _run(self) -> None:
        while (first := self._queue.get()) is not _STOP:
            groups, continues = self._gather(first)
            self._commit(groups)
            if not continues:
                return

    def _gather(self, first: _Group) -> tuple[list[_Group], bool]:
        """Return the queued groups, up to the size of one commit, and False if the queue was closed."""
        groups = [first]
        size = first.size
        with suppress(Empty):
            while size < _COMMIT_LIMIT:
                group = self._queue.get_nowait()
                if group is _STOP:
                    return groups, False
                groups.append(group)
                size += group.size
        return groups, True

    def _commit(self, groups: Sequence[_Group]) -> None:
        began = perf_counter()
        requests = [entries for group in groups for entries in group.entries]
        results = self._append(requests)
        self.commits += 1
        self.commit_s += perf_counter() - began
        self._queued_entries -= sum(group.size for group in groups)
        try:
            groups[0].loop.call_soon_threadsafe(self._answer_all, groups, results)
        except RuntimeError:  # the loop has ended, and no request waits
            self._on_append()

    def _append(self, requests: Sequence[Sequence[LogEntry]]) -> Sequence[AppendResult | Exception]:
        """Return the result of each request. One that the database rejects does not fail the others."""
        try:
            results = self._log.append(requests)
        except StoreRejected as error:
            return [error] if len(requests) == 1 else [self._append([one])[0] for one in requests]
        except NoLogHere as error:
            return [error] * len(requests)
        except StoreError as error:
            self.failed = monotonic(), error
            return [error] * len(requests)
        except Exception as error:  # noqa: BLE001 - it is the result of each request
            return [error] * len(requests)
        self.failed = None
        return results

    def _answer_all(self, groups: Sequence[_Group], results: Sequence[AppendResult | Exception]) -> None:
        result = iter(results)
        for group in groups:
            own = list(islice(result, len(group.entries)))
            for callback, one in zip(_taken(group), own, strict=False):
                callback(one)
        while self._unanswered and not self._unanswered[0].callbacks:
            self._unanswered.popleft()
        self._on_append()


def _taken(group: _Group) -> list[Callback]:
    """Return the callbacks of a group, none if they were called already."""
    callbacks, group.callbacks = group.callbacks, []
    return callbacks
