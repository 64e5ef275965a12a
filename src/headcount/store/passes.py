"""Passes: what lets a browser look at a domain without showing a key each time.

A *link* is good for one sign-in; a *sign-in* is what a browser's cookie shows; a *share* shows one meeting or one
room to whoever has its address. The store has digests only: who reads it cannot get in with what it says.

Every pass records the key and the session that it was created from. It is valid only as long as both are, so
revoking a key or a session ends everything created from it, in every process, at the next request.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import count
from typing import Any, Final, NamedTuple

from headcount.kernel.events import Ms
from headcount.limits import require_domain
from headcount.store.database import Connection, Database
from headcount.store.keys import Ended, digest_of, end_passes
from headcount.store.rows import DAY_MS

LINK_LASTS: Final[Ms] = 3_600_000
SIGN_IN_LASTS: Final[Ms] = 30 * DAY_MS


class Role(StrEnum):
    """What somebody who signed in may do: look, or look and change."""

    VIEWER = "viewer"
    ADMIN = "admin"


class PassKind(StrEnum):
    LINK = "link"
    SIGN_IN = "sign-in"
    SHARE = "share"


class About(StrEnum):
    """What a share shows: a meeting, by its id, or a room, by its name."""

    MEETING = "meeting"
    ROOM = "room"


class Pass(NamedTuple):
    """A pass, without its secret. Times are ms. Field order is column order.

    `key_id` is the key that the pass was created from, directly or through sessions and links; None if an operator
    created the first link. `parent` is the digest of the session that created it. A share says what it is `about`,
    and whether names are masked.
    """

    digest: str
    kind: PassKind
    domain: str
    role: Role
    name: str
    key_id: str | None
    created: Ms
    expires: Ms
    about_kind: About | None = None
    about: str | None = None
    masked: bool = False
    parent: str | None = None
    last_used: Ms | None = None

    def row(self) -> dict[str, Any]:
        return self._asdict() | {"masked": int(self.masked)}


class Passes:
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
        made = Pass(
            digest_of(secret), PassKind.LINK, domain, role, name, key_id, now, now + LINK_LASTS, parent=parent
        )
        with self._database.writing() as connection:
            _drop_expired(connection, now)
            connection.run("keep_pass", **made.row())

    def sign_in(self, domain: str, role: Role, name: str, key_id: str | None, now: Ms, secret: str) -> None:
        """Let whoever shows `secret` look for a month."""
        made = Pass(
            digest_of(secret), PassKind.SIGN_IN, domain, role, name, key_id, now, now + SIGN_IN_LASTS, last_used=now
        )  # fmt: skip
        with self._database.writing() as connection:
            connection.run("keep_pass", **made.row())

    def exchange(self, link: str, now: Ms, secret: str) -> Pass | None:
        """Sign in with a link, which is used up; None if it is not valid (any more).

        The session's key and parent are those of the link.
        """
        with self._database.writing() as connection:
            row = connection.row("pass_by_digest", digest=digest_of(link))
            held = None if row is None else _pass(*row)
            if held is None or held.kind is not PassKind.LINK or not _is_valid(held, now):
                return None
            if not connection.run("drop_pass", digest=held.digest):
                return None
            made = held._replace(
                digest=digest_of(secret), kind=PassKind.SIGN_IN, created=now, expires=now + SIGN_IN_LASTS,
                last_used=now,
            )  # fmt: skip
            connection.run("keep_pass", **made.row())
            return made

    def link(self, secret: str, now: Ms) -> Pass | None:
        """The link that `secret` is, if it still holds."""
        return self._find(secret, PassKind.LINK, now)

    def find(self, secret: str, now: Ms) -> Pass | None:
        """The sign-in that `secret` is, if it still holds."""
        return self._find(secret, PassKind.SIGN_IN, now)

    def drop(self, secret: str) -> None:
        """Sign out. What this session created remains, and belongs to the session that created this one."""
        with self._database.writing() as connection:
            connection.run("adopt_passes", digest=digest_of(secret))
            connection.run("drop_pass", digest=digest_of(secret))

    def sign_ins(self, domain: str, now: Ms) -> list[Pass]:
        """The valid sessions and links of a domain, newest first."""
        with self._database.reading() as connection:
            rows = [
                row
                for kind in (PassKind.SIGN_IN, PassKind.LINK)
                for row in connection.rows("passes_of_kind", domain=domain, kind=kind, now=now)
            ]
        found = (_pass(*row) for row in rows)
        return sorted((one for one in found if _is_valid(one, now)), key=lambda one: -one.created)

    def revoke(self, domain: str, digest: str, now: Ms, *, keep_shares: bool = False) -> Ended | None:
        """Revoke a session or link, and everything created from it; None if the domain has none of that digest."""
        with self._database.writing() as connection:
            rows = connection.rows("pass_and_descendants", domain=domain, digest=digest)
            return end_passes(connection, rows, now, keep_shares=keep_shares) if rows else None

    def touch(self, used: Mapping[str, Ms]) -> None:
        """Record when sessions were last used, by digest."""
        with self._database.writing() as connection:
            connection.write("touch_pass", [(at, digest) for digest, at in used.items()])

    def share(self, made: Pass) -> None:
        """Let whoever shows its secret see what it is about. What has expired is forgotten meanwhile."""
        with self._database.writing() as connection:
            _drop_expired(connection, made.created)
            connection.run("drop_share_people")
            connection.run("keep_pass", **made.row())

    def shared(self, secret: str, now: Ms) -> Pass | None:
        """The share that `secret` is, if it still holds."""
        return self._find(secret, PassKind.SHARE, now)

    def shares(self, domain: str, now: Ms) -> list[Pass]:
        """The shares of a domain that hold, the newest first."""
        with self._database.reading() as connection:
            rows = connection.rows("passes_of_kind", domain=domain, kind=PassKind.SHARE, now=now)
        return [_pass(*row) for row in rows]

    def unshare(self, domain: str, digest: str) -> bool:
        """Revoke a share for good; False if the domain has none of that digest."""
        with self._database.writing() as connection:
            dropped = connection.run("drop_share", domain=domain, digest=digest) == 1
            connection.run("drop_share_people")
            return dropped

    def numbers(self, share: Pass, people: Iterable[str]) -> dict[str, int]:
        """The number of each of these people within a share; who has none yet gets the next one, for good."""
        digests = {person: digest_of(f"{share.digest}\0{person}") for person in people}
        with self._database.reading() as connection:
            known: dict[str, int] = dict(connection.rows("share_people", digest=share.digest))
        if any(digest not in known for digest in digests.values()):
            known = self._number(share, list(digests.values()))
        return {person: known[digest] for person, digest in digests.items()}

    def _number(self, share: Pass, digests: list[str]) -> dict[str, int]:
        with self._database.writing() as connection:
            connection.run("lock_pass", digest=share.digest)  # two may look at once
            known: dict[str, int] = dict(connection.rows("share_people", digest=share.digest))
            fresh = [digest for digest in digests if digest not in known]
            given = dict(zip(fresh, count(max(known.values(), default=0) + 1), strict=False))
            rows = [(share.digest, digest, share.domain, number) for digest, number in given.items()]
            connection.write("keep_share_person", rows)
        return known | given

    def _find(self, secret: str, kind: PassKind, now: Ms) -> Pass | None:
        with self._database.reading() as connection:
            row = connection.row("pass_by_digest", digest=digest_of(secret))
        found = None if row is None else _pass(*row)
        return found if found is not None and found.kind is kind and _is_valid(found, now) else None


def _is_valid(found: Pass, now: Ms) -> bool:
    return found.expires > now


def _drop_expired(connection: Connection, now: Ms) -> None:
    """What an expired session created outlives it."""
    connection.run("release_expired", now=now)
    connection.run("drop_old_passes", now=now)


def _pass(
    digest: str, kind: str, domain: str, role: str, name: str, key_id: str | None, created: Ms, expires: Ms,
    about_kind: str | None, about: str | None, masked: int, parent: str | None, last_used: Ms | None,
) -> Pass:  # fmt: skip
    what = None if about_kind is None else About(about_kind)
    return Pass(
        digest, PassKind(kind), domain, Role(role), name, key_id, created, expires, what, about, bool(masked),
        parent, last_used,
    )  # fmt: skip
