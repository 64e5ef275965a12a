"""Credentials: API keys, and the access tokens of the dashboard.

An API key or an access token is shown once, when it is created. The store has its digest.

Responsible for creating, finding and revoking both. Must not know HTTP or cookies. Secrets are arguments.
"""

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
from headcount.store.cell import require_cell
from headcount.store.database import Connection, Database
from headcount.store.records import DAY_MS
from headcount.store.stored_secrets import store_secret

SCOPES: Final = ("ingest", "read", "admin")
LINK_LIFETIME_MS: Final[Ms] = 3_600_000
SESSION_LIFETIME_MS: Final[Ms] = 30 * DAY_MS
_SECRET_BYTES: Final = 24
_SHORT_ID_LENGTH: Final = 12


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
        """Return whether the key has a scope. `admin` includes all."""
        return scope in self.scopes or "admin" in self.scopes


class Role(StrEnum):
    """The permissions of a session: view, or view and change."""

    VIEWER = "viewer"
    ADMIN = "admin"


class AccessTokenKind(StrEnum):
    """A one-time sign-in link, a session, or a shared link."""

    LINK = "link"
    SESSION = "sign-in"
    SHARE = "share"


class SubjectKind(StrEnum):
    """The subject of a share: a meeting, by its id, or a room, by its name."""

    MEETING = "meeting"
    ROOM = "room"


class AccessToken(NamedTuple):
    """An access token, without its secret. Times are ms. Field order is column order.

    `key_id` is the API key that it was created from, directly or through sessions and links, or None if an operator
    created the first link. `parent` is the digest of the session that created it. A share has a `subject`, and names
    may be masked.
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

    @property
    def short_id(self) -> str:
        """What identifies the token in the access log."""
        return short_id(self.digest)


class RevokedAccess(NamedTuple):
    """The numbers of valid sessions, unused sign-in links and shared links that a revocation ended."""

    sessions: int
    links: int
    shares: int


class Keys:
    """The API keys of all domains."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, domain: str, name: str, scopes: Sequence[str], now: Ms, secret: str) -> tuple[Key, str]:
        """Create a key from a new `secret` (at least 24 random characters), and return it with its text."""
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not scopes:
            raise BadInput(
                f"a key's scopes are some of {', '.join(SCOPES)}, not {', '.join(unknown) or 'none'}"
            )
        require_domain(domain)
        text = f"hc_{secret}"
        key = Key(secret[:8], domain, name, digest_of(text), frozenset(scopes), now)
        with self._database.writing() as connection:
            require_cell(connection, domain)
            connection.run("insert_key", id=key.id, domain=domain, name=name, digest=key.digest,
                           scopes=" ".join(sorted(scopes)), created=now)  # fmt: skip
        return key, text

    def domains(self) -> list[str]:
        """Return the domains with valid keys or sources, in order."""
        with self._database.reading() as connection:
            return [str(domain) for (domain,) in connection.rows("select_domains")]

    def find(self, text: str) -> Key | None:
        """Return the key with this text, revoked or not."""
        with self._database.reading() as connection:
            row = connection.row("select_key", id=key_id_of(text))
        if row is None or not text.startswith("hc_"):
            return None
        key = _key(*row)
        return key if compare_digest(key.digest, digest_of(text)) else None

    def by_id(self, key_id: str) -> Key | None:
        """Return the key with this id, revoked or not."""
        with self._database.reading() as connection:
            row = connection.row("select_key", id=key_id)
        return None if row is None else _key(*row)

    def all(self) -> list[Key]:
        """Return all keys by domain, the oldest first."""
        with self._database.reading() as connection:
            return [_key(*row) for row in connection.rows("select_keys")]

    def revoke(self, key_id: str, now: Ms, *, keep_shares: bool = False) -> RevokedAccess | None:
        """Revoke a key, and end the sessions, links and shares created from it.

        Return None if there is no valid key with this id. With `keep_shares`, shared links remain.
        """
        with self._database.writing() as connection:
            if connection.run("revoke_key", id=key_id, revoked=now) != 1:
                return None
            rows = connection.rows("select_key_access_tokens", key_id=key_id)
            return _revoke_tokens(connection, rows, now, keep_shares=keep_shares)

    def store_secret(self) -> bytes:
        """Return the secret of the store, 32 random bytes."""
        return store_secret(self._database)

    def touch(self, used: Mapping[str, Ms]) -> None:
        """Record when keys were last used, by id."""
        with self._database.writing() as connection:
            connection.write("update_key_last_used", [(at, key_id) for key_id, at in used.items()])


class AccessTokens:
    """The access tokens of all domains. Each `secret` is random and chosen by the caller."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create_link(
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
        """Create a one-time sign-in link, valid for an hour, and delete expired tokens.

        `key_id` and `parent` are the key and the session that create the link.
        """
        require_domain(domain)
        link = AccessToken(
            digest_of(secret), AccessTokenKind.LINK, domain, role, name, key_id, now, now + LINK_LIFETIME_MS,
            parent=parent,
        )  # fmt: skip
        with self._database.writing() as connection:
            require_cell(connection, domain)
            _delete_expired(connection, now)
            _insert(connection, link)

    def create_session(
        self, domain: str, role: Role, name: str, key_id: str | None, now: Ms, secret: str
    ) -> None:
        """Create a session, valid for thirty days."""
        session = AccessToken(
            digest_of(secret), AccessTokenKind.SESSION, domain, role, name, key_id, now, now + SESSION_LIFETIME_MS,
            last_used=now,
        )  # fmt: skip
        with self._database.writing() as connection:
            _insert(connection, session)

    def exchange_link(self, link: str, now: Ms, secret: str) -> AccessToken | None:
        """Exchange a link for a session, which has its key and parent. Return None if the link is not valid."""
        with self._database.writing() as connection:
            row = connection.row("select_access_token", digest=digest_of(link))
            found = None if row is None else _access_token(*row)
            if found is None or found.kind is not AccessTokenKind.LINK or not _is_valid(found, now):
                return None
            if not connection.run("delete_access_token", digest=found.digest):
                return None
            session = found._replace(
                digest=digest_of(secret), kind=AccessTokenKind.SESSION, created=now,
                expires=now + SESSION_LIFETIME_MS, last_used=now,
            )  # fmt: skip
            _insert(connection, session)
            return session

    def find_link(self, secret: str, now: Ms) -> AccessToken | None:
        """Return the valid link with this secret, or None."""
        return self._find(secret, AccessTokenKind.LINK, now)

    def find_session(self, secret: str, now: Ms) -> AccessToken | None:
        """Return the valid session with this secret, or None."""
        return self._find(secret, AccessTokenKind.SESSION, now)

    def end_session(self, secret: str) -> None:
        """Sign out. Tokens that this session created remain and belong to the parent of this session."""
        with self._database.writing() as connection:
            connection.run("reparent_access_tokens", digest=digest_of(secret))
            connection.run("delete_access_token", digest=digest_of(secret))

    def sessions(self, domain: str, now: Ms) -> list[AccessToken]:
        """Return the valid sessions and links of a domain, the newest first."""
        with self._database.reading() as connection:
            rows = [
                row
                for kind in (AccessTokenKind.SESSION, AccessTokenKind.LINK)
                for row in connection.rows("select_access_tokens", domain=domain, kind=kind, now=now)
            ]
        found = (_access_token(*row) for row in rows)
        return sorted((one for one in found if _is_valid(one, now)), key=lambda one: -one.created)

    def revoke(self, domain: str, digest: str, now: Ms, *, keep_shares: bool = False) -> RevokedAccess | None:
        """Revoke a session or link and everything created from it. Return None if the domain has no such token."""
        with self._database.writing() as connection:
            rows = connection.rows("select_access_token_tree", domain=domain, digest=digest)
            return _revoke_tokens(connection, rows, now, keep_shares=keep_shares) if rows else None

    def touch(self, used: Mapping[str, Ms]) -> None:
        """Record when sessions were last used, by digest."""
        with self._database.writing() as connection:
            connection.write("update_access_token_last_used", [(at, digest) for digest, at in used.items()])

    def add_share(self, share: AccessToken) -> None:
        """Add a shared link, and delete expired tokens."""
        with self._database.writing() as connection:
            _delete_expired(connection, share.created)
            connection.run("delete_orphaned_share_participants")
            _insert(connection, share)

    def find_share(self, secret: str, now: Ms) -> AccessToken | None:
        """Return the valid share with this secret, or None."""
        return self._find(secret, AccessTokenKind.SHARE, now)

    def shares(self, domain: str, now: Ms) -> list[AccessToken]:
        """Return the valid shares of a domain, the newest first."""
        with self._database.reading() as connection:
            rows = connection.rows("select_access_tokens", domain=domain, kind=AccessTokenKind.SHARE, now=now)
        return [_access_token(*row) for row in rows]

    def revoke_share(self, domain: str, digest: str) -> bool:
        """Revoke a share. Return False if the domain has no such share."""
        with self._database.writing() as connection:
            is_deleted = connection.run("delete_share", domain=domain, digest=digest) == 1
            connection.run("delete_orphaned_share_participants")
            return is_deleted

    def participant_numbers(self, share: AccessToken, participants: Iterable[str]) -> dict[str, int]:
        """Return the number of each participant within a share. A new participant gets the next number, for good."""
        digests = {participant: digest_of(f"{share.digest}\0{participant}") for participant in participants}
        with self._database.reading() as connection:
            known: dict[str, int] = dict(connection.rows("select_share_participants", digest=share.digest))
        if any(digest not in known for digest in digests.values()):
            known = self._assign_numbers(share, list(digests.values()))
        return {participant: known[digest] for participant, digest in digests.items()}

    def _assign_numbers(self, share: AccessToken, digests: list[str]) -> dict[str, int]:
        with self._database.writing() as connection:
            connection.run("lock_access_token", digest=share.digest)  # two requests may come at once
            known: dict[str, int] = dict(connection.rows("select_share_participants", digest=share.digest))
            new = [digest for digest in digests if digest not in known]
            numbers = dict(zip(new, count(max(known.values(), default=0) + 1), strict=False))
            rows = [(share.digest, digest, share.domain, number) for digest, number in numbers.items()]
            connection.write("insert_share_participant", rows)
        return known | numbers

    def _find(self, secret: str, kind: AccessTokenKind, now: Ms) -> AccessToken | None:
        with self._database.reading() as connection:
            row = connection.row("select_access_token", digest=digest_of(secret))
        found = None if row is None else _access_token(*row)
        return found if found is not None and found.kind is kind and _is_valid(found, now) else None


def new_secret() -> str:
    """Return 32 random characters for a key or an access token. The CLI never takes an id made of them for an option."""
    while (secret := secrets.token_urlsafe(_SECRET_BYTES)).startswith("-"):
        pass
    return secret


def digest_of(text: str) -> str:
    """Return the stored digest of a secret. A secret is long and random, so one round of SHA-256 is enough."""
    return sha256(text.encode()).hexdigest()


def key_id_of(text: str) -> str:
    """Return the id of the key with this text."""
    return text[3:11]


def short_id(digest: str) -> str:
    """Return the beginning of the digest of an access token: it identifies the token in the access log."""
    return digest[:_SHORT_ID_LENGTH]


def _key(key_id: str, domain: str, name: str, digest: str, scopes: str, *times: Any) -> Key:
    return Key(key_id, domain, name, digest, frozenset(scopes.split()), *times)


def _access_token(
    digest: str, kind: str, domain: str, role: str, name: str, key_id: str | None, created: Ms, expires: Ms,
    subject_kind: str | None, subject: str | None, masked: int, parent: str | None, last_used: Ms | None,
) -> AccessToken:  # fmt: skip
    return AccessToken(
        digest, AccessTokenKind(kind), domain, Role(role), name, key_id, created, expires,
        None if subject_kind is None else SubjectKind(subject_kind), subject, bool(masked), parent, last_used,
    )  # fmt: skip


def _insert(connection: Connection, token: AccessToken) -> None:
    connection.run("insert_access_token", **token._asdict() | {"masked": int(token.masked)})


def _is_valid(token: AccessToken, now: Ms) -> bool:
    return token.expires > now


def _delete_expired(connection: Connection, now: Ms) -> None:
    """Delete expired tokens. What an expired session created stays valid."""
    connection.run("detach_children_of_expired", now=now)
    connection.run("delete_expired_access_tokens", now=now)


def _revoke_tokens(
    connection: Connection, tokens: Iterable[tuple[str, str, Ms]], now: Ms, *, keep_shares: bool
) -> RevokedAccess:
    """Delete tokens, each (digest, kind, expires). Shares that remain belong to no session from then on."""
    revoked = Counter[str]()
    for digest, kind, expires in tokens:
        if keep_shares and kind == "share":
            connection.run("detach_share", digest=digest)
        elif connection.run("delete_access_token", digest=digest) and expires > now:
            revoked[kind] += 1
    connection.run("delete_orphaned_share_participants")
    return RevokedAccess(revoked["sign-in"], revoked["link"], revoked["share"])
