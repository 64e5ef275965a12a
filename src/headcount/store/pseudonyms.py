"""Pseudonyms: what stands for a person after an erasure, and what hides values in keys and lists.

All of them are keyed hashes with the store's secret, so that nobody without it can test whether a value was stored. The
pseudonym of a participant is a commitment to its `participant_id`: the hash of an opening and the id. The opening can be
disclosed for one participant without the secret.

Responsible for these hashes and for the salted commitment to the personal fields of an entry. Must not know what is erased.
"""

from collections.abc import Iterable
from functools import cache
from hashlib import blake2b, sha256
from typing import Any, Final

import msgspec

from headcount.kernel.events import Ms
from headcount.store.database import Database
from headcount.store.stored_secrets import store_secret

PREFIX: Final = "anon-"
"""What pseudonyms of participants begin with."""
USER_PREFIX: Final = "anon-user-"
"""What pseudonyms of users begin with."""
SALT_BYTES: Final = 16
_TIME_BYTES: Final = 6
_TIME_MASK: Final = (1 << 8 * _TIME_BYTES) - 1
_KEY_BYTES: Final = 16
_HASH_BYTES: Final = 12

_encode = msgspec.json.Encoder().encode


class Pseudonymizer:
    """The keyed hashes of one store. `secret` is the store's, 32 bytes."""

    def __init__(self, secret: bytes) -> None:
        self._entries = blake2b(key=secret, person=b"entries", digest_size=_KEY_BYTES)
        self._openings = blake2b(key=secret, person=b"openings", digest_size=SALT_BYTES)
        self._users = blake2b(key=secret, person=b"users", digest_size=_HASH_BYTES)
        self._digests = blake2b(key=secret, person=b"digests", digest_size=SALT_BYTES)
        self.selector_key = blake2b(key=secret, person=b"selectors", digest_size=SALT_BYTES).hexdigest()
        """The key of the hashes in a list of erasures, as hexadecimal digits."""

    def digest(self, *parts: str) -> bytes:
        """Return the keyed hash of texts, 16 bytes. None of them contains U+0000."""
        return _hashed(self._digests, *parts)

    def entry_key(self, key: bytes, at: Ms) -> bytes:
        """Return the key under which an entry is stored, 16 bytes. The time that a key begins with stays readable."""
        hashed = self._entries.copy()
        hashed.update(key)
        time = (at & _TIME_MASK).to_bytes(_TIME_BYTES, "big")
        if key.startswith(time):
            return time + hashed.digest()[: _KEY_BYTES - _TIME_BYTES]
        return hashed.digest()

    def opening(self, domain: str, room: str, participant_id: str) -> bytes:
        """Return what proves, with the `participant_id`, which pseudonym it has; 16 bytes."""
        return _hashed(self._openings, domain, room, participant_id)

    def participant(self, domain: str, room: str, participant_id: str) -> str:
        """Return the pseudonym of a participant of a room. That of a pseudonym is itself."""
        if is_pseudonym(participant_id):
            return participant_id
        opening = self.opening(domain, room, participant_id)
        return PREFIX + blake2b(opening + participant_id.encode(), digest_size=_HASH_BYTES).hexdigest()

    def user(self, domain: str, user_id: str) -> str:
        """Return the pseudonym of a user of a domain. That of a pseudonym is itself."""
        if user_id.startswith(USER_PREFIX):
            return user_id
        return USER_PREFIX + _hashed(self._users, domain, user_id).hex()


def pseudonyms_of(database: Database) -> Pseudonymizer:
    """Return the pseudonyms of a store."""
    return Pseudonymizer(store_secret(database))


def hash_selector(key: str, domain: str, *parts: str) -> str:
    """Return the hash by which a list of erasures names a user, a participant or an attribute. `key` is that of the list."""
    return _hashed(_keyed(key), domain, *parts).hex()


@cache
def _keyed(key: str) -> Any:
    return blake2b(key=bytes.fromhex(key), digest_size=SALT_BYTES)


def is_pseudonym(participant_id: str) -> bool:
    """Return whether a `participant_id` is the pseudonym of a participant."""
    return participant_id.startswith(PREFIX) and len(participant_id) == len(PREFIX) + 2 * _HASH_BYTES


def commitment(salt: bytes, fields: Iterable[Any]) -> bytes:
    """Return the salted commitment to the personal fields of an entry: SHA-256 of the salt and the fields as JSON."""
    return sha256(salt + _encode(list(fields))).digest()


def _hashed(keyed: Any, *parts: str) -> bytes:
    hashed = keyed.copy()
    hashed.update("\0".join(parts).encode())
    digest: bytes = hashed.digest()
    return digest
