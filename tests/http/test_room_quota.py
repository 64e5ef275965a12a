"""The room quota: requests at the same moment share one count of the active rooms."""

import asyncio

import pytest

from headcount.http.errors import ApiError
from headcount.http.room_quota import RoomQuota
from headcount.kernel.events import Kind
from headcount.store.dedup import log_entry
from headcount.store.open import open_store
from headcount.store.records import AppendResult, Origin

NOW = 1_772_442_000_000


@pytest.fixture
def store(tmp_path):
    opened = open_store(str(tmp_path / "quota.db"))
    yield opened
    opened.close()


def join(room):
    return log_entry(
        "acme", NOW, Origin.LIVE, Kind.JOIN, room, NOW, "ann", None, None, None, None, None, None
    )


def answers_to(store, limit, rooms):
    """The answers to one join for each room, all sent at the same moment."""
    appended = []

    async def append(entries):
        appended.extend(entries)
        return AppendResult(len(entries), 0, len(appended))

    async def all_at_once():
        quota = RoomQuota(limit, 1_000, store.meetings, append, lambda *_: None)
        requests = [quota.append([join(room)]) for room in rooms]
        return await asyncio.gather(*requests, return_exceptions=True)

    return asyncio.run(all_at_once()), [entry.room for entry in appended]


def test_the_first_requests_of_a_domain_are_accepted_at_the_same_moment(store):
    answers, appended = answers_to(store, 100, [f"r{n}" for n in range(64)])
    assert [answer.accepted for answer in answers] == [1] * 64
    assert len(appended) == 64


def test_only_as_many_rooms_open_at_the_same_moment_as_the_quota_allows(store):
    answers, appended = answers_to(store, 5, [f"r{n}" for n in range(64)])
    assert len(appended) == 5
    refused = [answer for answer in answers if isinstance(answer, ApiError)]
    assert len(refused) == 59
