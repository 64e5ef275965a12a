"""Sessions and links end with the key and the session that they were created from."""

import pytest

from headcount.kernel.rules import NEVER
from headcount.store.credentials import AccessToken, AccessTokenKind, Role, SubjectKind, digest_of

T = 1_000_000


@pytest.fixture
def key(store):
    made, _ = store.keys.create("acme", "Ann's key", ("admin",), T, "k" * 32)
    store.access_tokens.create_session("acme", Role.ADMIN, "Ann", made.id, T, "ann")
    return made


def invite(store, maker, name, secret):
    """Invite somebody from the session `maker`; they sign in with `secret`."""
    made_by = store.access_tokens.find_session(maker, T)
    store.access_tokens.create_link(
        "acme", Role.ADMIN, name, T, f"link-{secret}", key_id=made_by.key_id, parent=made_by.digest
    )
    assert store.access_tokens.exchange_link(f"link-{secret}", T, secret) is not None


def share(store, maker, secret):
    made_by = store.access_tokens.find_session(maker, T)
    store.access_tokens.add_share(
        AccessToken(
            digest_of(secret), AccessTokenKind.SHARE, "acme", Role.VIEWER, made_by.name, made_by.key_id, T, NEVER,
            SubjectKind.ROOM, "r", parent=made_by.digest,
        )
    )  # fmt: skip


def names(store):
    return sorted(one.name for one in store.access_tokens.sessions("acme", T))


def test_a_revoked_key_ends_all_sessions_and_links_that_descend_from_it(store, key):
    invite(store, "ann", "Bob", "bob")
    invite(store, "bob", "Cid", "cid")
    bob = store.access_tokens.find_session("bob", T)
    store.access_tokens.create_link(
        "acme", Role.VIEWER, "Dot", T, "unused", key_id=bob.key_id, parent=bob.digest
    )
    share(store, "cid", "shown")
    assert names(store) == ["Ann", "Bob", "Cid", "Dot"]
    assert store.keys.revoke(key.id, T) == (3, 1, 1)
    assert names(store) == []
    assert [store.access_tokens.find_session(secret, T) for secret in ("ann", "bob", "cid")] == [None] * 3
    assert store.access_tokens.exchange_link("unused", T, "dot") is None
    assert store.access_tokens.find_share("shown", T) is None


def test_a_token_created_during_a_revocation_is_not_valid(store, key):
    ann = store.access_tokens.find_session("ann", T)
    store.keys.revoke(key.id, T)
    store.access_tokens.create_link("acme", Role.ADMIN, "late", T, "late", key_id=key.id)
    store.access_tokens.create_session("acme", Role.ADMIN, "late", key.id, T, "session")
    store.access_tokens.create_link("acme", Role.ADMIN, "orphan", T, "orphan", parent=ann.digest)
    assert store.access_tokens.find_link("late", T) is None
    assert store.access_tokens.find_link("orphan", T) is None
    assert store.access_tokens.exchange_link("late", T, "x") is None
    assert store.access_tokens.find_session("session", T) is None
    assert names(store) == []


def test_shares_can_remain_when_a_key_is_revoked(store, key):
    share(store, "ann", "shown")
    assert store.keys.revoke(key.id, T, keep_shares=True) == (1, 0, 0)
    assert store.access_tokens.find_share("shown", T).key_id is None
    assert len(store.access_tokens.shares("acme", T)) == 1


def test_a_revoked_session_ends_what_it_created_and_nothing_else(store, key):
    invite(store, "ann", "Bob", "bob")
    invite(store, "bob", "Cid", "cid")
    share(store, "cid", "shown")
    bob = store.access_tokens.find_session("bob", T)
    assert store.access_tokens.revoke("elsewhere", bob.digest, T) is None
    assert store.access_tokens.revoke("acme", bob.digest, T) == (2, 0, 1)
    assert names(store) == ["Ann"]
    assert store.access_tokens.find_share("shown", T) is None
    assert store.access_tokens.revoke("acme", bob.digest, T) is None


def test_shares_can_remain_when_a_session_is_revoked(store, key):
    share(store, "ann", "shown")
    ann = store.access_tokens.find_session("ann", T)
    assert store.access_tokens.revoke("acme", ann.digest, T, keep_shares=True) == (1, 0, 0)
    assert store.access_tokens.find_share("shown", T) is not None


def test_a_share_is_not_revoked_as_a_session(store, key):
    share(store, "ann", "shown")
    assert store.access_tokens.revoke("acme", digest_of("shown"), T) is None


def test_tokens_created_by_an_ended_session_belong_to_its_parent(store, key):
    invite(store, "ann", "Bob", "bob")
    invite(store, "bob", "Cid", "cid")
    store.access_tokens.end_session("bob")
    assert names(store) == ["Ann", "Cid"]
    assert store.access_tokens.revoke("acme", digest_of("ann"), T) == (2, 0, 0)


def test_a_session_outlives_the_one_that_created_it_if_that_one_only_expires(store, key):
    ann = store.access_tokens.find_session("ann", T)
    day = 86_400_000
    later = ann.expires - day
    store.access_tokens.create_link(
        "acme", Role.VIEWER, "Bob", later, "link", key_id=key.id, parent=ann.digest
    )
    store.access_tokens.exchange_link("link", later, "bob")
    store.access_tokens.create_link("acme", Role.VIEWER, "Cid", ann.expires + day, "other")
    assert store.access_tokens.find_session("ann", ann.expires + day) is None
    assert store.access_tokens.find_session("bob", ann.expires + day).name == "Bob"


def test_the_last_use_of_a_session_is_stored(store, key):
    store.access_tokens.touch({digest_of("ann"): T + 5})
    assert store.access_tokens.find_session("ann", T).last_used == T + 5
