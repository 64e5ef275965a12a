"""Keys: who may do what in which domain. A key is shown once, when it is made; the store has its digest."""

import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final, NamedTuple

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.limits import require_domain
from headcount.store.database import Connection, Database

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


class Ended(NamedTuple):
    """How many valid sessions, unused sign-in links and shared links a revocation ended."""

    sessions: int
    links: int
    shares: int


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

    def revoke(self, key_id: str, now: Ms, *, keep_shares: bool = False) -> Ended | None:
        """Revoke a key for good, and end the sessions, links and shares created from it.

        Return None if there is no valid key of that id. With `keep_shares`, shared links remain.
        """
        with self._database.writing() as connection:
            if connection.run("revoke_key", id=key_id, revoked=now) != 1:
                return None
            rows = connection.rows("passes_of_key", key_id=key_id)
            return end_passes(connection, rows, now, keep_shares=keep_shares)

    def store_secret(self, fresh: bytes) -> bytes:
        """The secret of the store; `fresh`, 32 bytes of chance, becomes it if there is none yet."""
        with self._database.reading() as connection:
            row = connection.row("store_secret")
        if row is None:
            with self._database.writing() as connection:
                connection.run("keep_store_secret", secret=fresh)
                row = connection.row("store_secret")
        assert row is not None
        return bytes(row[0])

    def touch(self, used: dict[str, Ms]) -> None:
        """Remember when keys were last used."""
        with self._database.writing() as connection:
            connection.write("touch_key", [(at, key_id) for key_id, at in used.items()])


def fresh_secret() -> str:
    """32 letters of chance, for a key or whatever lets somebody in. An id made of its beginning is never taken for an option."""
    while (secret := secrets.token_urlsafe(_SECRET_BYTES)).startswith("-"):
        pass
    return secret


def end_passes(
    connection: Connection, passes: Iterable[tuple[str, str, Ms]], now: Ms, *, keep_shares: bool
) -> Ended:
    """Delete these passes, each (digest, kind, expires). Shares that are kept belong to nobody from then on."""
    ended = Counter[str]()
    for digest, kind, expires in passes:
        if keep_shares and kind == "share":
            connection.run("detach_share", digest=digest)
        elif connection.run("drop_pass", digest=digest) and expires > now:
            ended[kind] += 1
    connection.run("drop_share_people")
    return Ended(ended["sign-in"], ended["link"], ended["share"])


def digest_of(text: str) -> str:
    """What is stored of a key. A key is long and random, so one round of SHA-256 is enough."""
    return sha256(text.encode()).hexdigest()


def _key(key_id: str, domain: str, name: str, digest: str, scopes: str, *times: Any) -> Key:
    return Key(key_id, domain, name, digest, frozenset(scopes.split()), *times)
