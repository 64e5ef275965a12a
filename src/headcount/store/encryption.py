"""Encryption of secrets at rest: AES-256-GCM, with keys from a file or an environment variable.

The first key encrypts and all keys decrypt, so that a key can be rotated while services run. An encrypted value names its
key, and is bound to its place: in another row, it cannot be decrypted.

Responsible for keys and for the form of encrypted values. Must not know which values are secret.
"""

import os
import re
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from headcount.errors import BadInput
from headcount.store.database import StoreError

KEY_VARIABLE: Final = "HEADCOUNT_ENCRYPTION_KEY"
KEY_BYTES: Final = 32
_PREFIX: Final = "aes-256-gcm:"
_NONCE_BYTES: Final = 12
_ID_LENGTH: Final = 8
_HOW_TO_CONFIGURE: Final = f"set encryption_key_file, or {KEY_VARIABLE}, to the key of the server"


class SecretUnreadable(StoreError):
    """A secret that none of the keys decrypts."""


class Keyring:
    """The keys of a store. Without keys, secrets are stored in plain text.

    They are in `text`, or in a file that is read again when it changes.
    """

    def __init__(self, text: str = "", *, file: str = "") -> None:
        self._file = file
        self._read: tuple[int, int, int] | None = None
        self._keys: Mapping[str, bytes] = parse_keys(text, KEY_VARIABLE) if text else {}
        if file:
            self._read_file()

    def key_ids(self) -> list[str]:
        """Return the IDs of the keys. The first one encrypts."""
        return list(self._current())

    def encrypt(self, text: str, *place: str) -> str:
        """Return a text as it is stored in this place: encrypted, or unchanged without keys."""
        if is_encrypted(text):
            raise BadInput(f"a secret cannot begin with '{_PREFIX}'")
        keys = self._current()
        if not keys:
            return text
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - nothing needs it without keys

        key_id, key = next(iter(keys.items()))
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + AESGCM(key).encrypt(nonce, text.encode(), _place(place))
        return f"{_PREFIX}{key_id}:{urlsafe_b64encode(sealed).decode()}"

    def decrypt(self, stored: str, *place: str) -> str:
        """Return the text that is stored in this place. Raise `SecretUnreadable` if no key decrypts it."""
        key_id = key_id_of(stored)
        if key_id is None:
            return stored
        keys = self._current()
        if key_id not in keys:
            known = f"the configured keys are {', '.join(keys)}" if keys else "no key is configured"
            raise SecretUnreadable(
                f"its secrets are encrypted with the key {key_id}, and {known}: {_HOW_TO_CONFIGURE}."
                " If the key is lost, see 'headcount encryption reset --help'"
            )
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - nothing needs it without keys
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - likewise

        try:
            sealed = urlsafe_b64decode(stored[len(_PREFIX) + _ID_LENGTH + 1 :])
            nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
            return AESGCM(keys[key_id]).decrypt(nonce, ciphertext, _place(place)).decode()
        except (InvalidTag, ValueError) as error:
            where = ".".join(place[:2])
            raise SecretUnreadable(
                f"a value of {where} cannot be decrypted: it was changed, or belongs to another row."
                " Restore a backup, or see 'headcount encryption reset --help'"
            ) from error

    def is_current(self, stored: str) -> bool:
        """Return whether a value is stored as `encrypt` would store it now."""
        return key_id_of(stored) == next(iter(self._current()), None)

    def _current(self) -> Mapping[str, bytes]:
        # A file that is just being replaced may be incomplete or missing: the keys that are known still apply.
        if self._file and _version(self._file) not in (None, self._read):
            with suppress(BadInput):
                self._read_file()
        return self._keys

    def _read_file(self) -> None:
        version = _version(self._file)
        try:
            text = Path(self._file).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            raise BadInput(
                f"the file of encryption keys cannot be read: {reason}. Create it with"
                " 'headcount encryption generate-key --output FILE', and let the user of the server read it",
                where=self._file,
            ) from error
        self._keys = parse_keys(text, self._file)
        self._read = version


def parse_keys(text: str, where: str) -> dict[str, bytes]:
    """Return keys by ID from a text with one key per line, or separated by commas. `#` begins a comment."""
    words = [
        word for line in text.splitlines() for word in re.split(r"[,\s]+", line.partition("#")[0]) if word
    ]
    if not words:
        raise BadInput(
            "there is no encryption key: create one with 'headcount encryption generate-key'", where=where
        )
    keys = [_decode(word, number, where) for number, word in enumerate(words, 1)]
    return {key_id(key): key for key in keys}


def _decode(word: str, number: int, where: str) -> bytes:
    """Return one key. An error does not show it."""
    try:
        key = b64decode(word.replace("-", "+").replace("_", "/"), validate=True)
        found = f"{len(key)} bytes"
    except (Base64Error, ValueError):
        key, found = b"", "something else"
    if len(key) != KEY_BYTES:
        raise BadInput(
            f"key {number}: expected {KEY_BYTES} bytes in base64, as 'headcount encryption generate-key' prints them,"
            f" got {found}",
            where=where,
        )
    return key


def encode_key(key: bytes) -> str:
    """Return a key as a text."""
    return urlsafe_b64encode(key).decode()


def key_id(key: bytes) -> str:
    """Return the ID of a key, which reveals nothing about it."""
    return sha256(b"headcount encryption key\0" + key).hexdigest()[:_ID_LENGTH]


def is_encrypted(stored: str) -> bool:
    """Return whether a value is encrypted."""
    return stored.startswith(_PREFIX)


def key_id_of(stored: str) -> str | None:
    """Return the ID of the key of an encrypted value; None for plain text."""
    return stored[len(_PREFIX) :][:_ID_LENGTH] if is_encrypted(stored) else None


def _place(parts: tuple[str, ...]) -> bytes:
    return "\0".join(parts).encode()


def _version(file: str) -> tuple[int, int, int] | None:
    """Return what changes when a file is written or replaced; None if it cannot be found."""
    try:
        found = os.stat(file)  # noqa: PTH116 - sources are read each second
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
