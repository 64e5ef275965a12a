"""Stored secrets: which values of a store are encrypted, and how all of them are encrypted again.

They are the secrets and credentials of sources and webhook endpoints, and the secret of the store itself.

Responsible for the places of these values. Must not know keys, or what a secret is for.
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from os import urandom
from typing import Any, Final, NamedTuple

import msgspec

from headcount.store.database import Connection, Database, Encryption
from headcount.store.encryption import SecretUnreadable, is_encrypted, key_id_of

CREDENTIAL_OPTIONS: Final = ("poll", "poll_key")
"""Options of a source that are encrypted. The address to poll may contain a password."""
_STORE_SECRET: Final = ("store_secret", "secret", "")
_STORE_SECRET_BYTES: Final = 32
_NEW_SECRET_BYTES: Final = 32

_Convert = Callable[..., str | None]
"""Converts a stored value to another form, or to None to remove it, given the value and its place: table, column, row."""


class ChangedSecrets(NamedTuple):
    """The tokens of sources and the UUIDs of endpoints with changed secrets, and whether that of the store has changed."""

    sources: set[str]
    endpoints: set[str]
    store: bool


def encrypt_options(keyring: Encryption, token: str, options: Mapping[str, Any]) -> str:
    """Return the options of a source as they are stored."""
    return _encode_options(_convert_options(options, keyring.encrypt, token))


def decrypt_options(keyring: Encryption, token: str, stored: str) -> dict[str, Any]:
    """Return the options of a source from their stored form."""
    return _convert_options(msgspec.json.decode(stored), keyring.decrypt, token)


def store_secret(database: Database) -> bytes:
    """Return the secret of a store, 32 bytes. Raise `SecretUnreadable` if no key decrypts it."""
    with database.reading() as connection:
        text = _store_secret_text(connection)
    with _naming(database):
        return bytes.fromhex(database.keyring.decrypt(text, *_STORE_SECRET))


def require_readable(database: Database) -> None:
    """Raise `SecretUnreadable` if the store is encrypted with a key that is not configured."""
    store_secret(database)


def encrypt_plain_secrets(database: Database) -> ChangedSecrets:
    """Encrypt what is in plain text, if there is a key. Raise `SecretUnreadable` if anything cannot be decrypted."""
    return _encrypt_where(database, lambda stored: key_id_of(stored) is None)


def rotate_secrets(database: Database) -> ChangedSecrets:
    """Encrypt everything with the first key, in one transaction. Raise `SecretUnreadable` if anything cannot be decrypted."""
    return _encrypt_where(database, lambda stored: not database.keyring.is_current(stored))


def unreadable_secrets(database: Database) -> ChangedSecrets:
    """Return what `reset_unreadable_secrets` would change."""
    found = ChangedSecrets(set(), set(), store=False)
    with database.reading() as connection:
        for place, stored in _values(connection):
            if _is_readable(database.keyring, stored, place):
                continue
            match place[0]:
                case "sources":
                    found.sources.add(place[2])
                case "endpoints":
                    found.endpoints.add(place[2])
                case _:
                    found = found._replace(store=True)
    return found


def reset_unreadable_secrets(database: Database) -> ChangedSecrets:
    """Replace all secrets that no key decrypts by random ones, and remove other credentials that no key decrypts."""
    keyring = database.keyring

    def convert(stored: str, *place: str) -> str | None:
        if _is_readable(keyring, stored, place):
            return stored
        table, column, _ = place
        if column not in ("secret", "secrets"):
            return None
        new = urandom(_NEW_SECRET_BYTES)
        text = (
            new.hex() if table == "store_secret" else msgspec.json.encode([b64encode(new).decode()]).decode()
        )
        return keyring.encrypt(text, *place)

    return _convert_all(database, convert)


def _is_readable(keyring: Encryption, stored: str, place: tuple[str, ...]) -> bool:
    try:
        keyring.decrypt(stored, *place)
    except SecretUnreadable:
        return False
    return True


def count_secrets_by_key(database: Database) -> Counter[str | None]:
    """Return how many values each key encrypts, by its ID; None is plain text."""
    with database.reading() as connection:
        return Counter(key_id_of(stored) for _, stored in _values(connection))


def _values(connection: Connection) -> Iterator[tuple[tuple[str, str, str], str]]:
    """Yield all stored values with their places."""
    for token, secrets, options in connection.rows("select_source_secrets"):
        yield ("sources", "secrets", token), secrets
        decoded = msgspec.json.decode(options)
        for name in _credentials(decoded):
            yield ("sources", name, token), decoded[name]
    for uuid, _, secrets, basic_auth in connection.rows("select_endpoint_secrets"):
        yield ("endpoints", "secrets", uuid), secrets
        if basic_auth is not None:
            yield ("endpoints", "basic_auth", uuid), basic_auth
    yield _STORE_SECRET, _store_secret_text(connection)


def _encrypt_where(database: Database, has_to_change: Callable[[str], bool]) -> ChangedSecrets:
    keyring = database.keyring
    has_keys = bool(keyring.key_ids())

    def convert(stored: str, *place: str) -> str:
        text = keyring.decrypt(stored, *place)
        return keyring.encrypt(text, *place) if has_keys and has_to_change(stored) else stored

    with _naming(database):
        return _convert_all(database, convert)


def _convert_all(database: Database, convert: _Convert) -> ChangedSecrets:
    """Convert all values in one transaction. What another process changes meanwhile is read again.

    Rows are locked in the order of their keys, so that several servers can do this at once.
    """
    changed = ChangedSecrets(set(), set(), store=False)
    with database.writing() as connection:
        erase_deleted = database.dialect.get("erase_deleted")
        if erase_deleted is not None:
            connection.run_text(erase_deleted)
        missed = True
        while missed:
            missed = _convert_sources(connection, convert, changed.sources)
            missed |= _convert_endpoints(connection, convert, changed.endpoints)
        changed = changed._replace(store=_convert_store_secret(connection, convert))
    if any(changed):
        database.forget_deleted()
    return changed


def _convert_sources(connection: Connection, convert: _Convert, changed: set[str]) -> bool:
    """Convert the secrets of sources, and return whether another process changed one since it was read."""
    missed = False
    for token, secrets, options in connection.rows("select_source_secrets"):
        decoded = msgspec.json.decode(options)
        new_secrets = convert(secrets, "sources", "secrets", token)
        new_options = _convert_options(decoded, convert, token)
        if (new_secrets, new_options) == (secrets, decoded):
            continue
        written = connection.run(
            "update_source_secrets", token=token, secrets=new_secrets, options=_encode_options(new_options),
            old_secrets=secrets, old_options=options,
        )  # fmt: skip
        missed |= not written
        changed.add(token)
    return missed


def _convert_endpoints(connection: Connection, convert: _Convert, changed: set[str]) -> bool:
    """Likewise of endpoints."""
    missed = False
    for uuid, version, secrets, basic_auth in connection.rows("select_endpoint_secrets"):
        new_secrets = convert(secrets, "endpoints", "secrets", uuid)
        new_auth = None if basic_auth is None else convert(basic_auth, "endpoints", "basic_auth", uuid)
        if (new_secrets, new_auth) == (secrets, basic_auth):
            continue
        written = connection.run(
            "update_endpoint_secrets", uuid=uuid, version=version, secrets=new_secrets, basic_auth=new_auth
        )
        missed |= not written
        changed.add(uuid)
    return missed


def _convert_store_secret(connection: Connection, convert: _Convert) -> bool:
    text = _store_secret_text(connection)
    new = convert(text, *_STORE_SECRET)
    if new is None or new == text:
        return False
    connection.run("update_store_secret", secret=new.encode() if is_encrypted(new) else bytes.fromhex(new))
    return True


def _store_secret_text(connection: Connection) -> str:
    """Return the stored secret of a store as a text: in hexadecimal, or encrypted."""
    ((stored,),) = connection.rows("select_store_secret")
    secret = bytes(stored)
    return secret.hex() if len(secret) == _STORE_SECRET_BYTES else secret.decode()


def _convert_options(options: Mapping[str, Any], convert: _Convert, token: str) -> dict[str, Any]:
    changed = {name: convert(options[name], "sources", name, token) for name in _credentials(options)}
    return {name: value for name, value in {**options, **changed}.items() if value is not None}


def _encode_options(options: Mapping[str, Any]) -> str:
    return msgspec.json.encode(options).decode()


def _credentials(options: Mapping[str, Any]) -> list[str]:
    return [name for name in CREDENTIAL_OPTIONS if isinstance(options.get(name), str)]


@contextmanager
def _naming(database: Database) -> Iterator[None]:
    """Name the database in an error about a missing key."""
    try:
        yield
    except SecretUnreadable as error:
        raise SecretUnreadable(error.reason, where=database.url) from error
