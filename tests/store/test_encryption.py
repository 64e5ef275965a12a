"""Secrets of sources and webhooks are encrypted, if there is a key."""

import itertools
import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from headcount.errors import BadInput
from headcount.store.backup import backup
from headcount.store.database import StoreError, consistent_read
from headcount.store.encryption import KEY_BYTES, Keyring, encode_key
from headcount.store.open import open_store
from headcount.store.sources import SourceRow
from headcount.store.sqlite import companions
from headcount.store.stored_secrets import (
    count_secrets_by_key,
    encrypt_plain_secrets,
    reset_unreadable_secrets,
    rotate_secrets,
    unreadable_secrets,
)
from headcount.store.webhooks import DEFAULT_EVENT_TYPES, Endpoint, RetryType

STORE_SECRET = b"the secret of the store 32 bytes"
SOURCE = SourceRow(
    "token-1", "livekit", "acme", "livekit", ("KEY:signing-secret", "KEY:another-secret"),
    {"poll": "https://user:poll-password@sfu.example", "poll_key": "poll-secret", "room_prefix": "x-"}, created=1,
)  # fmt: skip
ENDPOINT = Endpoint(
    "uuid-1", "acme", "https://hook.example/", ("d2ViaG9vay1zZWNyZXQ=",), "dXNlcjpiYXNpYy1wYXNzd29yZA==",
    RetryType.CIRCUIT_BREAKER, DEFAULT_EVENT_TYPES,
)  # fmt: skip
SECRETS = (
    b"signing-secret", b"another-secret", b"poll-password", b"poll-secret", b"d2ViaG9vay1zZWNyZXQ=",
    b"dXNlcjpiYXNpYy1wYXNzd29yZA==", STORE_SECRET,
)  # fmt: skip


def new_key():
    return encode_key(os.urandom(KEY_BYTES))


def fill(store):
    with store.database.writing() as connection:
        connection.run("update_store_secret", secret=STORE_SECRET)
    store.sources.add(SOURCE)
    store.endpoints.add(ENDPOINT)
    encrypt_plain_secrets(store.database)  # the secret of the store is older than any key


def everything_readable(store):
    (source,), (endpoint,) = store.sources.all(), store.endpoints.all()
    assert store.sources.find("token-1") == source == SOURCE
    assert (endpoint.secrets, endpoint.basic_auth) == (ENDPOINT.secrets, ENDPOINT.basic_auth)
    assert store.endpoints.find("acme", "uuid-1") == endpoint
    assert store.keys.store_secret() == STORE_SECRET
    return True


def raw(store):
    """All bytes of the files of a store, or all values of its tables."""
    database = store.database
    if database.system == "sqlite":
        return b"".join(file.read_bytes() for file in (database.path, *companions(database.path)))
    with database.reading() as connection:
        tables = [
            connection.query(f"select * from {name}", {}) for name in ("sources", "endpoints", "store_secret")
        ]
    return repr(tables).encode()


def found_in(content):
    return [secret for secret in SECRETS if secret in content]


def test_without_a_key_secrets_are_in_plain_text(store):
    fill(store)
    assert everything_readable(store)
    assert found_in(raw(store)) == list(SECRETS)


def test_with_a_key_no_secret_is_in_the_files_or_tables(url):
    store = open_store(url, keyring=Keyring(new_key()))
    fill(store)
    store.sources.change(replace(SOURCE, secrets=("KEY:signing-secret",)))
    store.sources.change(SOURCE)
    store.endpoints.change(ENDPOINT)
    assert everything_readable(store)
    assert found_in(raw(store)) == []
    assert b"x-" in raw(store)
    store.close()


def test_the_first_start_with_a_key_encrypts_what_is_there(url):
    store = open_store(url)
    fill(store)
    assert encrypt_plain_secrets(store.database) == (set(), set(), False)
    store.close()
    store = open_store(url, keyring=Keyring(new_key()))
    assert everything_readable(store)
    assert encrypt_plain_secrets(store.database) == ({"token-1"}, {"uuid-1"}, True)
    assert encrypt_plain_secrets(store.database) == (set(), set(), False)
    assert everything_readable(store)
    assert found_in(raw(store)) == []
    store.close()


def test_a_backup_of_an_encrypted_store_has_no_secret(tmp_path):
    store = open_store(str(tmp_path / "a.db"))
    fill(store)
    store.close()
    store = open_store(str(tmp_path / "a.db"), keyring=Keyring(new_key()))
    encrypt_plain_secrets(store.database)
    backup(store.database, str(tmp_path / "a.backup"))
    store.close()
    assert found_in((tmp_path / "a.backup").read_bytes()) == []


def test_a_rotation_encrypts_everything_with_the_first_key(url):
    old, new = new_key(), new_key()
    store = open_store(url, keyring=Keyring(old))
    fill(store)
    store.close()
    store = open_store(url, keyring=Keyring(f"{new},{old}"))
    assert everything_readable(store)
    assert encrypt_plain_secrets(store.database) == (set(), set(), False)
    first, second = store.database.keyring.key_ids()
    assert count_secrets_by_key(store.database) == Counter({second: 6})
    assert rotate_secrets(store.database) == ({"token-1"}, {"uuid-1"}, True)
    assert count_secrets_by_key(store.database) == Counter({first: 6})
    store.close()
    store = open_store(url, keyring=Keyring(new))
    assert everything_readable(store)
    store.close()


@pytest.mark.parametrize("keyring", [Keyring, lambda: Keyring(new_key())], ids=["no key", "wrong key"])
def test_a_store_does_not_open_without_its_key(url, keyring):
    owner = Keyring(new_key())
    store = open_store(url, keyring=owner)
    fill(store)
    store.close()
    with pytest.raises(StoreError) as error:
        open_store(url, keyring=keyring())
    assert f"encrypted with the key {owner.key_ids()[0]}" in str(error.value)
    assert "set encryption_key_file, or HEADCOUNT_ENCRYPTION_KEY" in str(error.value)


def test_a_rotation_without_the_old_key_changes_nothing(url):
    old, other = new_key(), new_key()
    store = open_store(url, keyring=Keyring(old))
    fill(store)
    store.close()
    store = open_store(url, keyring=Keyring(f"{other},{old}"))
    store.database.keyring = Keyring(other)
    before = count_secrets_by_key(store.database)
    with pytest.raises(StoreError):
        rotate_secrets(store.database)
    assert count_secrets_by_key(store.database) == before
    store.database.keyring = Keyring(old)
    assert everything_readable(store)
    store.close()


def test_a_rotation_loses_no_change_of_another_process(url):
    old, new = new_key(), new_key()
    rotating, changing = open_store(url), open_store(url, keyring=Keyring(f"{old},{new}"))
    fill(changing)
    done = threading.Event()

    def rotate():
        for first, second in itertools.cycle([(new, old), (old, new)]):
            is_last = done.is_set()
            rotating.database.keyring = Keyring(f"{first},{second}")
            rotate_secrets(rotating.database)
            if is_last:
                return

    thread = threading.Thread(target=rotate)
    thread.start()
    for number in range(100):
        changing.sources.change(replace(SOURCE, secrets=(f"secret {number}",)))
        changing.endpoints.change(replace(ENDPOINT, basic_auth=f"auth {number}"))
        assert changing.sources.find("token-1").secrets == (f"secret {number}",)
        assert changing.endpoints.find("acme", "uuid-1").basic_auth == f"auth {number}"
    done.set()
    thread.join()
    assert changing.sources.find("token-1").secrets == ("secret 99",)
    assert changing.endpoints.find("acme", "uuid-1").basic_auth == "auth 99"
    assert len(count_secrets_by_key(changing.database)) == 1
    rotating.close()
    changing.close()


def test_several_servers_start_with_a_key_at_once(url):
    key, plain = new_key(), open_store(url)
    fill(plain)
    for number in range(20):
        plain.sources.add(replace(SOURCE, token=f"more-{number}", name=f"more {number}"))
        plain.endpoints.add(replace(ENDPOINT, uuid=f"more-{number}"))
    plain.close()
    stores = [open_store(url, keyring=Keyring(key)) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        changed = list(threads.map(lambda store: encrypt_plain_secrets(store.database), stores))
    assert set().union(*(one.sources for one in changed)) == {"token-1", *(f"more-{n}" for n in range(20))}
    assert None not in count_secrets_by_key(stores[0].database)
    assert {row.secrets for row in stores[0].sources.all()} == {SOURCE.secrets}
    for store in stores:
        store.close()


def test_an_encrypted_value_is_worthless_in_another_row(store):
    store.database.keyring = Keyring(new_key())
    fill(store)
    store.sources.add(replace(SOURCE, token="token-2", name="other", secrets=("mine",)))
    with store.database.writing() as connection:
        connection.query(
            "update sources set secrets = (select secrets from sources where token = 'token-1') where token = 'token-2' returning 1",
            {},
        )
    with pytest.raises(StoreError, match=r"sources\.secrets cannot be decrypted"):
        store.sources.find("token-2")


def test_secrets_that_no_key_decrypts_are_replaced(url):
    store = open_store(url, keyring=Keyring(new_key()))
    fill(store)
    keyring = store.database.keyring = Keyring(new_key())
    expected = ({"token-1"}, {"uuid-1"}, True)
    assert unreadable_secrets(store.database) == expected
    assert reset_unreadable_secrets(store.database) == expected
    assert unreadable_secrets(store.database) == (set(), set(), False)
    store.close()
    store = open_store(url, keyring=keyring)
    (source,), (endpoint,) = store.sources.all(), store.endpoints.all()
    assert source.options == {"room_prefix": "x-"}
    assert len(source.secrets) == len(endpoint.secrets) == 1
    assert endpoint.basic_auth is None
    assert store.keys.store_secret() != STORE_SECRET
    store.close()


def test_the_write_ahead_log_is_emptied_as_soon_as_no_reader_needs_it(tmp_path):
    store = open_store(str(tmp_path / "a.db"))
    log = tmp_path / "a.db-wal"
    with consistent_read(store.database) as connection:
        connection.rows("select_sources")
        fill(store)
        assert not store.database.forget_deleted()
        assert log.stat().st_size > 0
    assert store.database.forget_deleted()
    assert log.stat().st_size == 0
    assert everything_readable(store)
    store.close()


def test_a_deleted_source_has_no_secrets(store):
    fill(store)
    store.sources.remove("token-1", 2)
    with store.database.reading() as connection:
        assert connection.query("select secrets, options from sources", {}) == [("[]", "{}")]


def test_a_key_file_is_read_again_when_it_changes(tmp_path):
    file = tmp_path / "keys"
    old, new = new_key(), new_key()
    file.write_text(f"# made on Monday\n{old}\n")
    keyring = Keyring(file=str(file))
    stored = keyring.encrypt("secret", "sources", "secrets", "t")
    replacement = tmp_path / "keys.new"
    replacement.write_text(f"{new}\n{old}  # old\n")
    replacement.replace(file)
    assert not keyring.is_current(stored)
    assert keyring.decrypt(stored, "sources", "secrets", "t") == "secret"
    assert keyring.key_ids() == Keyring(f"{new} {old}").key_ids()


@pytest.mark.parametrize("break_", [Path.unlink, lambda file: file.write_text("half of a k")])
def test_a_broken_key_file_does_not_stop_a_running_process(tmp_path, break_):
    file = tmp_path / "keys"
    file.write_text(new_key())
    keyring = Keyring(file=str(file))
    stored = keyring.encrypt("secret", "sources", "secrets", "t")
    break_(file)
    assert keyring.decrypt(stored, "sources", "secrets", "t") == "secret"
    with pytest.raises(BadInput):
        Keyring(file=str(file))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("# none\n", "there is no encryption key"),
        (
            "c2hvcnQ=",
            "key 1: expected 32 bytes in base64, as 'headcount encryption generate-key' prints them, got 5 bytes",
        ),
        (f"{'A' * 43}= hunter2!", "key 2: expected 32 bytes in base64"),
    ],
)
def test_an_invalid_key_is_refused_and_not_shown(tmp_path, text, problem):
    file = tmp_path / "keys"
    file.write_text(text)
    with pytest.raises(BadInput) as error:
        Keyring(file=str(file))
    assert f"{file}: {problem}" in str(error.value)
    assert "hunter2" not in str(error.value)


def test_both_alphabets_of_base64_are_read():
    assert Keyring("-_" * 21 + "8=").key_ids() == Keyring("+/" * 21 + "8=").key_ids()


def test_text_that_looks_encrypted_is_refused():
    with pytest.raises(BadInput, match="cannot begin with"):
        Keyring().encrypt("aes-256-gcm:0123", "sources", "poll_key", "t")
