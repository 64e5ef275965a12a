"""Group commit: which requests share a commit, and what happens to them when the service stops."""

import asyncio
from threading import Event

import pytest

from headcount.store import group_commit
from headcount.store.database import StoreBusy, StoreTimeout
from headcount.store.group_commit import GroupCommit
from headcount.store.records import AppendResult


class Log:
    """A log that remembers its commits, and waits in them until it may go on."""

    def __init__(self):
        self.commits = []
        self.may_commit = Event()
        self.may_commit.set()

    def require(self, entries):
        pass

    def append(self, requests):
        self.may_commit.wait()
        self.commits.append(requests)
        return [AppendResult(len(entries), 0, len(self.commits)) for entries in requests]


@pytest.fixture
def log():
    return Log()


def test_the_requests_of_one_turn_of_the_loop_share_a_commit(log):
    woken = []

    async def run():
        appender = GroupCommit(log, lambda: woken.append(len(log.commits)))
        first = await asyncio.gather(*(appender.append([n]) for n in range(5)))
        second = await appender.append(["a", "b"])
        appender.close()
        return [*first, second]

    results = asyncio.run(run())
    assert log.commits == [[[0], [1], [2], [3], [4]], [["a", "b"]]]
    assert [result.position for result in results] == [1] * 5 + [2]
    assert woken == [1, 2]


def test_large_requests_of_one_turn_are_several_commits(log, monkeypatch):
    monkeypatch.setattr(group_commit, "_COMMIT_LIMIT", 4)

    async def run():
        appender = GroupCommit(log, lambda: None)
        await asyncio.gather(*(appender.append([n, n, n]) for n in range(4)))
        appender.close()

    asyncio.run(run())
    assert [request for commit in log.commits for request in commit] == [[n, n, n] for n in range(4)]
    assert max(map(len, log.commits)) <= 2


def test_what_was_accepted_is_committed_when_the_service_stops(log):
    async def run():
        appender = GroupCommit(log, lambda: None)
        appender.submit(["last"], lambda _: None)
        appender.close()
        with pytest.raises(StoreBusy):
            appender.submit(["too late"], lambda _: None)

    asyncio.run(run())
    assert log.commits == [[["last"]]]


def test_requests_that_wait_too_long_are_answered_once(log):
    answers = []

    async def run():
        appender = GroupCommit(log, lambda: None, timeout_s=0.05)
        log.may_commit.clear()
        waiting = []
        for _ in range(3):
            waiting.append(asyncio.ensure_future(appender.append(["slow"])))
            await asyncio.sleep(0)
        answers.extend(await asyncio.gather(*waiting, return_exceptions=True))
        log.may_commit.set()
        appender.close()
        await asyncio.sleep(0)

    asyncio.run(run())
    assert [type(answer) for answer in answers] == [StoreTimeout] * 3
    assert sum(map(len, log.commits)) == 3
