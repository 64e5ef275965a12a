"""Masking: labels in place of names and ids, the same for the same person as long as the API key is the same.

Responsible for labels and for the way back from a label to a user. Must not know tools.

A label is a keyed hash, so that it needs no table, and nobody can compute it from an id without the API key. Only users
that answers have named can be found by their label: nobody can test who is behind a label.
"""

import unicodedata
from base64 import b32encode
from collections import OrderedDict
from hashlib import blake2b
from typing import Final

PREFIX: Final = "person_"
_LABEL_BYTES: Final = 10
_MAX_KNOWN: Final = 50_000
_MAX_NAME: Final = 100


class Names:
    """How people are named in the answers for one API key: by their names, or masked."""

    def __init__(self, api_key: str, *, shown: bool) -> None:
        self.shown = shown
        self._secret = blake2b(api_key.encode(), person=b"headcount-labels").digest()
        self._users: OrderedDict[str, str] = OrderedDict()

    def label(self, user_id: str | None, participant_id: str | None) -> str:
        """Return the label of a user, or of a connection whose user is unknown."""
        identity = f"u{user_id}" if user_id is not None else f"c{participant_id}"
        hashed = blake2b(identity.encode(), key=self._secret, digest_size=_LABEL_BYTES).digest()
        label = PREFIX + b32encode(hashed).decode().lower()
        if user_id is not None:
            self._users[label] = user_id
            self._users.move_to_end(label)
            if len(self._users) > _MAX_KNOWN:
                self._users.popitem(last=False)
        return label

    def user_of(self, label: str) -> str | None:
        """Return the user of a label that an answer had, None for any other text."""
        return self._users.get(label)


def shorten(text: str, length: int = _MAX_NAME) -> str:
    """Return a text of users as one short line: without control characters, and without those that reorder text."""
    plain = "".join(" " if unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp") else one for one in text)
    return plain if len(plain) <= length else f"{plain[: length - 1]}…"
