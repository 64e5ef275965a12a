"""Keys: who may do what in which domain. A key is shown once, when it is made; the store has its digest."""

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from itertools import count
from typing import Any, Final, NamedTuple

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.limits import require_domain
from headcount.store.database import Connection, Database
from headcount.store.records import DAY_MS

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


class RevokedAccess(NamedTuple):
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
            connection.run("insert_key", id=key.id, domain=domain, name=name, digest=key.digest,
                           scopes=" ".join(sorted(scopes)), created=now)  # fmt: skip
        return key, text

    def find(self, text: str) -> Key | None:
        """The key that `text` is, whether revoked or not."""
        with self._database.reading() as connection:
            row = connection.row("select_key", id=text[3:11])
        if row is None or not text.startswith("hc_"):
            return None
        key = _key(*row)
        return key if compare_digest(key.digest, digest_of(text)) else None

    def of_id(self, key_id: str) -> Key | None:
        """The key of that id, whether revoked or not."""
        with self._database.reading() as connection:
            row = connection.row("select_key", id=key_id)
        return None if row is None else _key(*row)

    def all(self) -> list[Key]:
        with self._database.reading() as connection:
            return [_key(*row) for row in connection.rows("select_keys")]

    def revoke(self, key_id: str, now: Ms, *, keep_shares: bool = False) -> RevokedAccess | None:
        """Revoke a key for good, and end the sessions, links and shares created from it.

        Return None if there is no valid key of that id. With `keep_shares`, shared links remain.
        """
        with self._database.writing() as connection:
            if connection.run("revoke_key", id=key_id, revoked=now) != 1:
                return None
            rows = connection.rows("select_key_access_tokens", key_id=key_id)
            return revoke_tokens(connection, rows, now, keep_shares=keep_shares)

    def store_secret(self, fresh: bytes) -> bytes:
        """The secret of the store; `fresh`, 32 bytes of chance, becomes it if there is none yet."""
        with self._database.reading() as connection:
            row = connection.row("select_store_secret")
        if row is None:
            with self._database.writing() as connection:
                connection.run("insert_store_secret", secret=fresh)
                row = connection.row("select_store_secret")
        assert row is not None
        return bytes(row[0])

    def touch(self, used: dict[str, Ms]) -> None:
        """Remember when keys were last used."""
        with self._database.writing() as connection:
            connection.write("update_key_last_used", [(at, key_id) for key_id, at in used.items()])


def fresh_secret() -> str:
    """32 letters of chance, for a key or whatever lets somebody in. An id made of its beginning is never taken for an option."""
    while (secret := secrets.token_urlsafe(_SECRET_BYTES)).startswith("-"):
        pass
    return secret


def revoke_tokens(
    connection: Connection, passes: Iterable[tuple[str, str, Ms]], now: Ms, *, keep_shares: bool
) -> RevokedAccess:
    """Delete these passes, each (digest, kind, expires). Shares that are kept belong to nobody from then on."""
    ended = Counter[str]()
    for digest, kind, expires in passes:
        if keep_shares and kind == "share":
            connection.run("detach_share", digest=digest)
        elif connection.run("delete_access_token", digest=digest) and expires > now:
            ended[kind] += 1
    connection.run("delete_orphaned_share_participants")
    return RevokedAccess(ended["sign-in"], ended["link"], ended["share"])


def digest_of(text: str) -> str:
    """What is stored of a key. A key is long and random, so one round of SHA-256 is enough."""
    return sha256(text.encode()).hexdigest()


def _key(key_id: str, domain: str, name: str, digest: str, scopes: str, *times: Any) -> Key:
    return Key(key_id, domain, name, digest, frozenset(scopes.split()), *times)


LINK_LASTS: Final[Ms] = 3_600_000
SIGN_IN_LASTS: Final[Ms] = 30 * DAY_MS


class Role(StrEnum):
    """What somebody who signed in may do: look, or look and change."""

    VIEWER = "viewer"
    ADMIN = "admin"


class AccessTokenKind(StrEnum):
    LINK = "link"
    SIGN_IN = "sign-in"
    SHARE = "share"


class SubjectKind(StrEnum):
    """What a share shows: a meeting, by its id, or a room, by its name."""

    MEETING = "meeting"
    ROOM = "room"


class AccessToken(NamedTuple):
    """A pass, without its secret. Times are ms. Field order is column order.

    `key_id` is the key that the pass was created from, directly or through sessions and links; None if an operator
    created the first link. `parent` is the digest of the session that created it. A share says what it is `about`,
    and whether names are masked.
    """

    digest: str
    kind: AccessTokenKind
    domain: str
    role: Role
    name: str
    key_id: str | None
    created: Ms
    expires: Ms
    subject_kind: SubjectKind | None = None
    subject: str | None = None
    masked: bool = False
    parent: str | None = None
    last_used: Ms | None = None

    def row(self) -> dict[str, Any]:
        return self._asdict() | {"masked": int(self.masked)}


class AccessTokens:
    """The passes of all domains. Every `secret` is made of chance by whoever calls."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def make_link(
        self,
        domain: str,
        role: Role,
        name: str,
        now: Ms,
        secret: str,
        *,
        key_id: str | None = None,
        parent: str | None = None,
    ) -> None:
        """Let whoever shows `secret` sign in once, within the hour. What has expired is forgotten meanwhile.

        `key_id` and `parent` are the key and the session of whoever creates the link.
        """
        require_domain(domain)
        made = AccessToken(
            digest_of(secret),
            AccessTokenKind.LINK,
            domain,
            role,
            name,
            key_id,
            now,
            now + LINK_LASTS,
            parent=parent,
        )
        with self._database.writing() as connection:
            _drop_expired(connection, now)
            connection.run("insert_access_token", **made.row())

    def sign_in(self, domain: str, role: Role, name: str, key_id: str | None, now: Ms, secret: str) -> None:
        """Let whoever shows `secret` look for a month."""
        made = AccessToken(
            digest_of(secret), AccessTokenKind.SIGN_IN, domain, role, name, key_id, now, now + SIGN_IN_LASTS, last_used=now
        )  # fmt: skip
        with self._database.writing() as connection:
            connection.run("insert_access_token", **made.row())

    def exchange(self, link: str, now: Ms, secret: str) -> AccessToken | None:
        """Sign in with a link, which is used up; None if it is not valid (any more).

        The session's key and parent are those of the link.
        """
        with self._database.writing() as connection:
            row = connection.row("select_access_token", digest=digest_of(link))
            held = None if row is None else _pass(*row)
            if held is None or held.kind is not AccessTokenKind.LINK or not _is_valid(held, now):
                return None
            if not connection.run("delete_access_token", digest=held.digest):
                return None
            made = held._replace(
                digest=digest_of(secret), kind=AccessTokenKind.SIGN_IN, created=now, expires=now + SIGN_IN_LASTS,
                last_used=now,
            )  # fmt: skip
            connection.run("insert_access_token", **made.row())
            return made

    def link(self, secret: str, now: Ms) -> AccessToken | None:
        """The link that `secret` is, if it still holds."""
        return self._find(secret, AccessTokenKind.LINK, now)

    def find(self, secret: str, now: Ms) -> AccessToken | None:
        """The sign-in that `secret` is, if it still holds."""
        return self._find(secret, AccessTokenKind.SIGN_IN, now)

    def drop(self, secret: str) -> None:
        """Sign out. What this session created remains, and belongs to the session that created this one."""
        with self._database.writing() as connection:
            connection.run("reparent_access_tokens", digest=digest_of(secret))
            connection.run("delete_access_token", digest=digest_of(secret))

    def sign_ins(self, domain: str, now: Ms) -> list[AccessToken]:
        """The valid sessions and links of a domain, newest first."""
        with self._database.reading() as connection:
            rows = [
                row
                for kind in (AccessTokenKind.SIGN_IN, AccessTokenKind.LINK)
                for row in connection.rows("select_access_tokens", domain=domain, kind=kind, now=now)
            ]
        found = (_pass(*row) for row in rows)
        return sorted((one for one in found if _is_valid(one, now)), key=lambda one: -one.created)

    def revoke(self, domain: str, digest: str, now: Ms, *, keep_shares: bool = False) -> RevokedAccess | None:
        """Revoke a session or link, and everything created from it; None if the domain has none of that digest."""
        with self._database.writing() as connection:
            rows = connection.rows("select_access_token_tree", domain=domain, digest=digest)
            return revoke_tokens(connection, rows, now, keep_shares=keep_shares) if rows else None

    def touch(self, used: Mapping[str, Ms]) -> None:
        """Record when sessions were last used, by digest."""
        with self._database.writing() as connection:
            connection.write("update_access_token_last_used", [(at, digest) for digest, at in used.items()])

    def share(self, made: AccessToken) -> None:
        """Let whoever shows its secret see what it is about. What has expired is forgotten meanwhile."""
        with self._database.writing() as connection:
            _drop_expired(connection, made.created)
            connection.run("delete_orphaned_share_participants")
            connection.run("insert_access_token", **made.row())

    def shared(self, secret: str, now: Ms) -> AccessToken | None:
        """The share that `secret` is, if it still holds."""
        return self._find(secret, AccessTokenKind.SHARE, now)

    def shares(self, domain: str, now: Ms) -> list[AccessToken]:
        """The shares of a domain that hold, the newest first."""
        with self._database.reading() as connection:
            rows = connection.rows("select_access_tokens", domain=domain, kind=AccessTokenKind.SHARE, now=now)
        return [_pass(*row) for row in rows]

    def unshare(self, domain: str, digest: str) -> bool:
        """Revoke a share for good; False if the domain has none of that digest."""
        with self._database.writing() as connection:
            dropped = connection.run("delete_share", domain=domain, digest=digest) == 1
            connection.run("delete_orphaned_share_participants")
            return dropped

    def numbers(self, share: AccessToken, people: Iterable[str]) -> dict[str, int]:
        """The number of each of these people within a share; who has none yet gets the next one, for good."""
        digests = {person: digest_of(f"{share.digest}\0{person}") for person in people}
        with self._database.reading() as connection:
            known: dict[str, int] = dict(connection.rows("select_share_participants", digest=share.digest))
        if any(digest not in known for digest in digests.values()):
            known = self._number(share, list(digests.values()))
        return {person: known[digest] for person, digest in digests.items()}

    def _number(self, share: AccessToken, digests: list[str]) -> dict[str, int]:
        with self._database.writing() as connection:
            connection.run("lock_access_token", digest=share.digest)  # two may look at once
            known: dict[str, int] = dict(connection.rows("select_share_participants", digest=share.digest))
            fresh = [digest for digest in digests if digest not in known]
            given = dict(zip(fresh, count(max(known.values(), default=0) + 1), strict=False))
            rows = [(share.digest, digest, share.domain, number) for digest, number in given.items()]
            connection.write("insert_share_participant", rows)
        return known | given

    def _find(self, secret: str, kind: AccessTokenKind, now: Ms) -> AccessToken | None:
        with self._database.reading() as connection:
            row = connection.row("select_access_token", digest=digest_of(secret))
        found = None if row is None else _pass(*row)
        return found if found is not None and found.kind is kind and _is_valid(found, now) else None


def _is_valid(found: AccessToken, now: Ms) -> bool:
    return found.expires > now


def _drop_expired(connection: Connection, now: Ms) -> None:
    """What an expired session created outlives it."""
    connection.run("detach_children_of_expired", now=now)
    connection.run("delete_expired_access_tokens", now=now)


def _pass(
    digest: str, kind: str, domain: str, role: str, name: str, key_id: str | None, created: Ms, expires: Ms,
    subject_kind: str | None, subject: str | None, masked: int, parent: str | None, last_used: Ms | None,
) -> AccessToken:  # fmt: skip
    of_kind = None if subject_kind is None else SubjectKind(subject_kind)
    return AccessToken(
        digest, AccessTokenKind(kind), domain, Role(role), name, key_id, created, expires, of_kind, subject, bool(masked),
        parent, last_used,
    )  # fmt: skip
