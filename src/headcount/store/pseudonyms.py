"""Pseudonyms: texts that stand for identifiers, the same one for the same identifier, and do not reveal it.

Responsible for deriving them with the secret of the store. Must not know who asks for one, or where it is stored.
"""

import re
from base64 import b32encode
from hashlib import blake2b
from typing import Final

_PREFIX: Final = "anon-"
_BYTES: Final = 15
_FORM: Final = re.compile(r"anon-[a-z2-7]{24}")


class Pseudonymizer:
    """Derives pseudonyms with a secret, 32 bytes: without it, nobody can try which identifier has one."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def participant(self, domain: str, room: str, participant_id: str) -> str:
        """Return the pseudonym of a participant of a room. That of a pseudonym is itself."""
        if is_pseudonym(participant_id):
            return participant_id
        return _PREFIX + self._text("participant", domain, room, participant_id)

    def digest(self, *parts: str) -> bytes:
        """Return the keyed hash of texts, 15 bytes. None of them contains U+0000."""
        return blake2b("\0".join(parts).encode(), digest_size=_BYTES, key=self._secret).digest()

    def _text(self, *parts: str) -> str:
        return b32encode(self.digest(*parts)).decode().lower()


def is_pseudonym(participant_id: str) -> bool:
    """Return whether an id has the form of the pseudonym of a participant."""
    return participant_id.startswith(_PREFIX) and _FORM.fullmatch(participant_id) is not None
