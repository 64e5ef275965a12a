"""Shares, on both databases: their subject, their participant numbers, and their deletion."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from headcount.kernel.rules import NEVER
from headcount.store.credentials import AccessToken, AccessTokenKind, Role, SubjectKind, digest_of
from headcount.store.domains import remove_domain


@pytest.fixture
def share(store):
    made = AccessToken(
        digest_of("secret"), AccessTokenKind.SHARE, "acme", Role.VIEWER, "Ann", None, 1_000, NEVER, SubjectKind.ROOM, "r", masked=True
    )  # fmt: skip
    store.access_tokens.add_share(made)
    return made


def people(store):
    with store.database.reading() as connection:
        return connection.query("select count(*) from share_participants", {})[0][0]


def test_a_share_is_found_by_its_secret_and_listed_in_its_domain(store, share):
    assert store.access_tokens.find_share("secret", 2_000) == share
    assert store.access_tokens.find_share("other", 2_000) is None
    assert store.access_tokens.shares("acme", 2_000) == [share]
    assert store.access_tokens.shares("other", 2_000) == []


def test_a_share_is_neither_a_sign_in_nor_a_link(store, share):
    assert store.access_tokens.find_session("secret", 2_000) is None
    assert store.access_tokens.find_link("secret", 2_000) is None
    assert store.access_tokens.exchange_link("secret", 2_000, "fresh") is None


def test_an_expired_share_is_deleted(store, share):
    store.access_tokens.add_share(share._replace(digest=digest_of("short"), expires=3_000))
    assert store.access_tokens.find_share("short", 2_999) is not None
    assert store.access_tokens.find_share("short", 3_000) is None
    assert store.access_tokens.shares("acme", 3_000) == [share]


def test_participant_numbers_are_stable_and_new_ones_follow(store, share):
    assert store.access_tokens.participant_numbers(share, ["b", "a", "b"]) == {"b": 1, "a": 2}
    assert store.access_tokens.participant_numbers(share, ["c", "a"]) == {"c": 3, "a": 2}
    other = share._replace(digest=digest_of("other"))
    store.access_tokens.add_share(other)
    assert store.access_tokens.participant_numbers(other, ["c"]) == {"c": 1}


def test_concurrent_requests_get_distinct_participant_numbers(store, share):
    names = [[f"p{n}" for n in range(start, start + 40)] for start in range(0, 80, 10)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda some: store.access_tokens.participant_numbers(share, some), names))
    told = {person: number for numbers in found for person, number in numbers.items()}
    assert all(numbers == {name: told[name] for name in numbers} for numbers in found)
    assert sorted(told.values()) == list(range(1, 111))


def test_a_revoked_share_leaves_nothing_behind(store, share):
    store.access_tokens.participant_numbers(share, ["a", "b"])
    assert not store.access_tokens.revoke_share("other", share.digest)
    assert people(store) == 2
    assert store.access_tokens.revoke_share("acme", share.digest)
    assert people(store) == 0
    assert store.access_tokens.find_share("secret", 2_000) is None


def test_shares_go_with_their_domain(store, share):
    store.access_tokens.participant_numbers(share, ["a"])
    remove_domain(store.database, "acme")
    assert people(store) == 0
    assert store.access_tokens.shares("acme", 2_000) == []
