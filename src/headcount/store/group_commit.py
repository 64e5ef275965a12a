"""Appending: many requests, one commit.

Each request waits for the commit that holds its entries; while one commit is on its way to
the disk, the next gathers. So the disk is asked as often as it can answer and not once for each.
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
_NO_REQUEST: Final = None


Answer = Callable[[AppendResult | Exception], None]
"""Is told what became of entries, in the loop from which they came."""


@dataclass(slots=True)
class _Request:
    """Entries, and who is to be told of them; `answer` is None once they were."""

    entries: Sequence[LogEntry]
    answer: Answer | None
    loop: asyncio.AbstractEventLoop
    until: float


class GroupCommit:
    """Appends to the log from a thread of its own. `on_append` is called after each commit.

    Who has waited for `patience_s` seconds is answered with `StoreTimeout`, whatever becomes of the entries.
    """

    def __init__(self, log: Log, on_append: Callable[[], None], patience_s: float = 30) -> None:
        self._log = log
        self._on_append = on_append
        self._patience_s = patience_s
        self._unanswered: deque[_Request] = deque()
        self._watch: asyncio.TimerHandle | None = None
        self._waiting: SimpleQueue[_Request | None] = SimpleQueue()
        self._entries = 0
        self._closed = False
        self.commits = 0
        self.commit_s = 0.0
        self.failed: tuple[float, StoreError] | None = None
        """When the last commit failed (`monotonic`), and why; None if it did not."""
        self._thread = threading.Thread(target=self._run, name="appender", daemon=True)
        self._thread.start()

    async def append(self, entries: Sequence[LogEntry]) -> AppendResult:
        """Append and wait until it is on the disk. Raises `StoreBusy` if it cannot be taken now."""
        future: asyncio.Future[AppendResult] = asyncio.get_running_loop().create_future()

        def answer(told: AppendResult | Exception) -> None:
            if future.done():  # whoever asked has gone
                return
            if isinstance(told, Exception):
                future.set_exception(told)
            else:
                future.set_result(told)

        self.hand_over(entries, answer)
        return await future

    def hand_over(self, entries: Sequence[LogEntry], answer: Answer) -> None:
        """Append without waiting, and `answer` from the running loop. Raises as `append` does."""
        if self._closed:
            raise StoreBusy("the service is stopping; nothing was taken, send it again")
        if self._entries > _QUEUE_LIMIT:
            raise StoreBusy("more comes in than the disk can take; nothing was taken, send it again")
        self._entries += len(entries)
        loop = asyncio.get_running_loop()
        request = _Request(entries, answer, loop, loop.time() + self._patience_s)
        self._unanswered.append(request)
        if self._watch is None:
            self._watch = loop.call_later(self._patience_s, self._give_up)
        self._waiting.put(request)

    def _give_up(self) -> None:
        """Answer those who have waited for too long; look again when the next one has. Belongs to the loop."""
        self._watch = None
        waiting = self._unanswered
        while waiting and (waiting[0].answer is None or waiting[0].until <= waiting[0].loop.time()):
            _tell(
                waiting.popleft(),
                StoreTimeout(
                    f"the store has not answered within {self._patience_s:g} s, and whether it took this is not known:"
                    " send it again; what was taken is recognized and counts once"
                ),
            )
        if waiting:
            first = waiting[0]
            self._watch = first.loop.call_later(max(0.0, first.until - first.loop.time()), self._give_up)

    def close(self) -> None:
        """Commit what was taken, and take no more."""
        self._closed = True
        self._waiting.put(_NO_REQUEST)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._waiting.get()) is not _NO_REQUEST:
            requests, goes_on = self._gathered(first)
            self._commit(requests)
            if not goes_on:
                return

    def _gathered(self, first: _Request) -> tuple[list[_Request], bool]:
        """All that is waiting now, as far as one commit should hold."""
        requests = [first]
        entries = len(first.entries)
        with suppress(Empty):
            while entries < _COMMIT_LIMIT:
                request = self._waiting.get_nowait()
                if request is _NO_REQUEST:
                    return requests, False
                requests.append(request)
                entries += len(request.entries)
        return requests, True

    def _commit(self, requests: Sequence[_Request]) -> None:
        began = perf_counter()
        answers = self._answers(requests)
        self.commits += 1
        self.commit_s += perf_counter() - began
        self._entries -= sum(len(request.entries) for request in requests)
        loop = requests[0].loop
        with suppress(RuntimeError):  # the loop has ended, and nobody waits any more
            loop.call_soon_threadsafe(self._tell_all, requests, answers)
        self._on_append()

    def _answers(self, requests: Sequence[_Request]) -> Sequence[AppendResult | Exception]:
        """What became of each request. One that the database rejects does not take the others with it."""
        try:
            done = self._log.append([request.entries for request in requests])
        except StoreRejected as error:
            return [error] if len(requests) == 1 else [self._answers([one])[0] for one in requests]
        except StoreError as error:
            self.failed = monotonic(), error
            return [error] * len(requests)
        except Exception as error:  # noqa: BLE001 - each request is told; whoever asked decides
            return [error] * len(requests)
        self.failed = None
        return done

    def _tell_all(self, requests: Sequence[_Request], answers: Sequence[AppendResult | Exception]) -> None:
        for request, told in zip(requests, answers, strict=True):
            _tell(request, told)
        while self._unanswered and self._unanswered[0].answer is None:
            self._unanswered.popleft()


def _tell(request: _Request, told: AppendResult | Exception) -> None:
    answer, request.answer = request.answer, None
    if answer is not None:
        answer(told)
