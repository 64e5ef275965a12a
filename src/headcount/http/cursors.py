"""Cursors: positions of the log and the outbox as clients see them.

Positions count the events of all domains, so they would show a client how active the others are. A cursor is opaque
without the store's secret, is valid in one domain only, and cannot be forged. The same position has always the same
cursor. Responsible for this encoding. It must not know what is at a position.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

_HALF_BYTES: Final = 8
BEGINNING: Final = "0"
"""The cursor before the first position. Clients can write it themselves."""


class Cursors:
    """The cursors of one store. `secret` is up to 64 random bytes."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def encode(self, domain: str, position: int) -> str:
        """Return the cursor of a position: 22 characters of base64url, or `BEGINNING` for 0."""
        if not position:
            return BEGINNING
        plain = position.to_bytes(_HALF_BYTES, "big")
        tag = self._tag(domain, plain)
        return urlsafe_b64encode(tag + self._masked(tag, plain)).rstrip(b"=").decode()

    def decode(self, domain: str, cursor: str) -> int | None:
        """Return the position; None if this store did not make the cursor for the domain."""
        if cursor == BEGINNING:
            return 0
        try:
            decoded = urlsafe_b64decode(cursor + "==")
        except ValueError:
            return None
        tag, masked = decoded[:_HALF_BYTES], decoded[_HALF_BYTES:]
        if len(masked) != _HALF_BYTES:
            return None
        plain = self._masked(tag, masked)
        return int.from_bytes(plain, "big") if compare_digest(tag, self._tag(domain, plain)) else None

    def _tag(self, domain: str, plain: bytes) -> bytes:
        return blake2b(
            plain + domain.encode("utf-8", "surrogatepass"),
            digest_size=_HALF_BYTES,
            key=self._secret,
            person=b"tag",
        ).digest()

    def _masked(self, tag: bytes, plain: bytes) -> bytes:
        """Return the position combined with a mask that only the secret makes of the tag; the reverse is the same."""
        mask = blake2b(tag, digest_size=_HALF_BYTES, key=self._secret, person=b"mask").digest()
        return bytes(a ^ b for a, b in zip(plain, mask, strict=True))
