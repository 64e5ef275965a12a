"""Until when polls are complete: two lists in a row confirm what happened before the first of them."""

import asyncio

import pytest

from headcount.ingest.polling.poller import PollerDependencies, SourcePoller
from headcount.ingest.source_config import configure
from headcount.ingest.source_stats import SourceStats
from headcount.limits import Limits
from headcount.sources.polls.api import PollFailed, PollResult, PresentParticipant
from headcount.store.open import open_store
from headcount.store.sources import COMPLETE_POLLS, SourceRow
from support.engines import NEW_YEAR

ROW = SourceRow("t", "livekit", "default", "lk", ("key:secret",), {"poll": "http://livekit.example"})
ANN = PresentParticipant("blue", "ann", joined_at=NEW_YEAR)


@pytest.fixture
def polled(tmp_path):
    """Polls with these results, one a second, and returns the seconds until which they were complete after each."""
    store = open_store(str(tmp_path / "a.db"))

    def poll(*results):
        now, stats, found = NEW_YEAR, SourceStats(), []
        answers = iter(results)

        async def send(*_):
            result = next(answers)
            if isinstance(result, Exception):
                raise result
            return result

        async def append(entries):
            return store.log.append([entries])[0]

        parts = PollerDependencies(
            store, send, append, lambda _: None, stats, lambda: True, lambda: now, lambda: "", lambda: 0.0, Limits()
        )  # fmt: skip
        poller = SourcePoller(configure(ROW), parts)
        for _ in results:
            now += 1_000
            asyncio.run(poller.poll_once())
            until = [
                (stat.last - NEW_YEAR) // 1_000 for stat in stats.unwritten() if stat.metric == COMPLETE_POLLS
            ]
            found.append(until[0] if until else None)
        return found

    yield poll
    store.close()


def test_a_list_is_confirmed_by_the_next_one(polled):
    assert polled(*[PollResult([ANN])] * 3) == [None, 1, 2]


def test_a_failed_poll_confirms_nothing_and_the_next_list_confirms_the_last_one(polled):
    listed = PollResult([ANN])
    assert polled(listed, PollFailed("down"), listed, listed) == [None, None, 1, 3]


def test_a_list_with_unclear_rooms_or_problems_confirms_nothing(polled):
    listed = PollResult([ANN])
    unclear, incomplete = PollResult([ANN], frozenset({"blue"})), PollResult([ANN], problems=("an entry",))
    assert polled(listed, unclear, listed, listed) == [None, None, None, 3]
    assert polled(listed, listed, incomplete, listed, listed) == [None, 1, 1, 1, 4]
