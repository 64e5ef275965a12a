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
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic, perf_counter
from typing import Final

from headcount.store.database import StoreBusy, StoreError, StoreRejected, StoreTimeout
from headcount.store.log import Log
from headcount.store.records import AppendResult, LogEntry

_COMMIT_LIMIT: Final = 20_000
_QUEUE_LIMIT: Final = 200_000
_STOP: Final = None


Callback = Callable[[AppendResult | Exception], None]
"""Receives the result of entries, in the event loop from which they came."""


@dataclass(slots=True)
class _Request:
    """Entries and the callback for their result, which is None after it was called."""

    entries: Sequence[LogEntry]
    callback: Callback | None
    loop: asyncio.AbstractEventLoop
    until: float


class GroupCommit:
    """Appends to the log from a thread of its own. `on_append` is called after each commit.

    A request that has waited for `timeout_s` seconds gets a `StoreTimeout`, whether its entries are stored or not.
    """

    def __init__(self, log: Log, on_append: Callable[[], None], timeout_s: float = 30) -> None:
        self._log = log
        self._on_append = on_append
        self._timeout_s = timeout_s
        self._unanswered: deque[_Request] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._queue: SimpleQueue[_Request | None] = SimpleQueue()
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
        self._queued_entries += len(entries)
        loop = asyncio.get_running_loop()
        request = _Request(entries, callback, loop, loop.time() + self._timeout_s)
        self._unanswered.append(request)
        if self._timer is None:
            self._timer = loop.call_later(self._timeout_s, self._time_out)
        self._queue.put(request)

    def close(self) -> None:
        """Commit the queued entries, and accept no more."""
        self._closed = True
        self._queue.put(_STOP)
        self._thread.join()

    def _time_out(self) -> None:
        """Answer requests that have waited too long, and set the timer for the next one. Runs in the event loop."""
        self._timer = None
        waiting = self._unanswered
        while waiting and (waiting[0].callback is None or waiting[0].until <= waiting[0].loop.time()):
            _answer(
                waiting.popleft(),
                StoreTimeout(
                    f"the store has not answered within {self._timeout_s:g} s, and whether it took this is not known:"
                    " send it again; duplicates are ignored"
                ),
            )
        if waiting:
            first = waiting[0]
            self._timer = first.loop.call_later(max(0.0, first.until - first.loop.time()), self._time_out)

    def _run(self) -> None:
        while (first := self._queue.get()) is not _STOP:
            requests, continues = self._gather(first)
            self._commit(requests)
            if not continues:
                return

    def _gather(self, first: _Request) -> tuple[list[_Request], bool]:
        """Return the queued requests, up to the size of one commit, and False if the queue was closed."""
        requests = [first]
        entries = len(first.entries)
        with suppress(Empty):
            while entries < _COMMIT_LIMIT:
                request = self._queue.get_nowait()
                if request is _STOP:
                    return requests, False
                requests.append(request)
                entries += len(request.entries)
        return requests, True

    def _commit(self, requests: Sequence[_Request]) -> None:
        began = perf_counter()
        results = self._append(requests)
        self.commits += 1
        self.commit_s += perf_counter() - began
        self._queued_entries -= sum(len(request.entries) for request in requests)
        loop = requests[0].loop
        with suppress(RuntimeError):  # the loop has ended, and no request waits
            loop.call_soon_threadsafe(self._answer_all, requests, results)
        self._on_append()

    def _append(self, requests: Sequence[_Request]) -> Sequence[AppendResult | Exception]:
        """Return the result of each request. One that the database rejects does not fail the others."""
        try:
            results = self._log.append([request.entries for request in requests])
        except StoreRejected as error:
            return [error] if len(requests) == 1 else [self._append([one])[0] for one in requests]
        except StoreError as error:
            self.failed = monotonic(), error
            return [error] * len(requests)
        except Exception as error:  # noqa: BLE001 - it is the result of each request
            return [error] * len(requests)
        self.failed = None
        return results

    def _answer_all(self, requests: Sequence[_Request], results: Sequence[AppendResult | Exception]) -> None:
        for request, result in zip(requests, results, strict=True):
            _answer(request, result)
        while self._unanswered and self._unanswered[0].callback is None:
            self._unanswered.popleft()


def _answer(request: _Request, result: AppendResult | Exception) -> None:
    callback, request.callback = request.callback, None
    if callback is not None:
        callback(result)
