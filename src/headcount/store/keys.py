"""Keys: who may do what in which domain. A key is shown once, when it is made; the store has its digest."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.limits import require_domain
from headcount.store.database import Database

_SECRET_BYTES: Final = 24
SCOPES: Final = ("ingest", "read", "admin")


@dataclass(frozen=True, slots=True)
class Key:
    """An API key, without its secret. Times are ms since the epoch."""

    id: str
    domain: str
    name: str
    digest: str
    scopes: frozenset[str]
    created: Ms
    last_used: Ms | None = None
    revoked: Ms | None = None

    def may(self, scope: str) -> bool:
        return scope in self.scopes or "admin" in self.scopes


class Keys:
    """The keys of all domains."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, domain: str, name: str, scopes: Sequence[str], now: Ms, secret: str) -> tuple[Key, str]:
        """Make a key of a fresh `secret` (at least 24 letters of chance) and give its text, this once."""
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not scopes:
            raise BadInput(
                f"a key's scopes are some of {', '.join(SCOPES)}, not {', '.join(unknown) or 'none'}"
            )
        require_domain(domain)
        text = f"hc_{secret}"
        key = Key(secret[:8], domain, name, digest_of(text), frozenset(scopes), now)
        with self._database.writing() as connection:
            connection.run("keep_key", id=key.id, domain=domain, name=name, digest=key.digest,
                           scopes=" ".join(sorted(scopes)), created=now)  # fmt: skip
        return key, text

    def find(self, text: str) -> Key | None:
        """The key that `text` is, whether revoked or not."""
        with self._database.reading() as connection:
            row = connection.row("key_by_id", id=text[3:11])
        if row is None or not text.startswith("hc_"):
            return None
        key = _key(*row)
        return key if compare_digest(key.digest, digest_of(text)) else None

    def of_id(self, key_id: str) -> Key | None:
        """The key of that id, whether revoked or not."""
        with self._database.reading() as connection:
            row = connection.row("key_by_id", id=key_id)
        return None if row is None else _key(*row)

    def all(self) -> list[Key]:
        with self._database.reading() as connection:
            return [_key(*row) for row in connection.rows("all_keys")]

    def revoke(self, key_id: str, now: Ms) -> bool:
        """Revoke a key for good; False if there is none of that id that still holds."""
        with self._database.writing() as connection:
            return connection.run("revoke_key", id=key_id, revoked=now) == 1

    def touch(self, used: dict[str, Ms]) -> None:
        """Remember when keys were last used."""
        with self._database.writing() as connection:
            connection.write("touch_key", [(at, key_id) for key_id, at in used.items()])


def fresh_secret() -> str:
    """32 letters of chance, for a key or whatever lets somebody in. An id made of its beginning is never taken for an option."""
    while (secret := secrets.token_urlsafe(_SECRET_BYTES)).startswith("-"):
        pass
    return secret


def digest_of(text: str) -> str:
    """What is stored of a key. A key is long and random, so one round of SHA-256 is enough."""
    return sha256(text.encode()).hexdigest()


def _key(key_id: str, domain: str, name: str, digest: str, scopes: str, *times: Any) -> Key:
    return Key(key_id, domain, name, digest, frozenset(scopes.split()), *times)
