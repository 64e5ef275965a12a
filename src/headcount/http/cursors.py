"""Cursors: positions as clients see them.

Positions count what all domains do, so a client that sees them learns how much others do. A cursor says nothing to
whoever does not know the store's secret, is valid in one domain only, and cannot be made up. It is the same each time
for the same position.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

_HALF_BYTES: Final = 8
BEGINNING: Final = "0"
"""Before everything. Clients may write it themselves."""


class Cursors:
    """Cursors of one store. `secret` is up to 64 bytes of chance."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def encode(self, domain: str, position: int) -> str:
        """The cursor of a position, 22 letters of base64url; `BEGINNING` for 0."""
        if not position:
            return BEGINNING
        place = position.to_bytes(_HALF_BYTES, "big")
        tag = self._tag(domain, place)
        return urlsafe_b64encode(tag + self._masked(tag, place)).rstrip(b"=").decode()

    def decode(self, domain: str, cursor: str) -> int | None:
        """The position; None if it is no cursor of this store and domain."""
        if cursor == BEGINNING:
            return 0
        try:
            both = urlsafe_b64decode(cursor + "==")
        except ValueError:
            return None
        tag, masked = both[:_HALF_BYTES], both[_HALF_BYTES:]
        if len(masked) != _HALF_BYTES:
            return None
        place = self._masked(tag, masked)
        return int.from_bytes(place, "big") if compare_digest(tag, self._tag(domain, place)) else None

    def _tag(self, domain: str, place: bytes) -> bytes:
        return blake2b(
            place + domain.encode("utf-8", "surrogatepass"),
            digest_size=_HALF_BYTES,
            key=self._secret,
            person=b"tag",
        ).digest()

    def _masked(self, tag: bytes, place: bytes) -> bytes:
        """The place is hidden by, and found with, what only the secret makes of the tag."""
        mask = blake2b(tag, digest_size=_HALF_BYTES, key=self._secret, person=b"mask").digest()
        return bytes(one ^ other for one, other in zip(place, mask, strict=True))
