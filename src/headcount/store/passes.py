"""Passes: what lets a browser look at a domain without showing a key each time.

A *link* is good for one sign-in; a *sign-in* is what a browser's cookie shows. The store has digests only:
who reads it cannot sign in with what it says.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from headcount.kernel.events import Ms
from headcount.store.database import Database
from headcount.store.keys import digest_of
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


class Pass(NamedTuple):
    """A pass, without its secret. Times are ms. `key_id` is the key that was shown, if one was. Field order is column order."""

    digest: str
    kind: PassKind
    domain: str
    role: Role
    name: str
    key_id: str | None
    created: Ms
    expires: Ms


class Passes:
    """The passes of all domains. Every `secret` is made of chance by whoever calls."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def make_link(self, domain: str, role: Role, name: str, now: Ms, secret: str) -> None:
        """Let whoever shows `secret` sign in once, within the hour. What has expired is forgotten meanwhile."""
        made = Pass(digest_of(secret), PassKind.LINK, domain, role, name, None, now, now + LINK_LASTS)
        with self._database.writing() as connection:
            connection.run("drop_old_passes", now=now)
            connection.run("keep_pass", **made._asdict())

    def sign_in(self, domain: str, role: Role, name: str, key_id: str | None, now: Ms, secret: str) -> None:
        """Let whoever shows `secret` look for a month."""
        made = Pass(digest_of(secret), PassKind.SIGN_IN, domain, role, name, key_id, now, now + SIGN_IN_LASTS)
        with self._database.writing() as connection:
            connection.run("keep_pass", **made._asdict())

    def exchange(self, link: str, now: Ms, secret: str) -> Pass | None:
        """Sign in with a link, which is used up; None if it does not hold (any more)."""
        with self._database.writing() as connection:
            row = connection.row("pass_by_digest", digest=digest_of(link))
            held = None if row is None else _pass(*row)
            if held is None or held.kind is not PassKind.LINK or held.expires <= now:
                return None
            if not connection.run("drop_pass", digest=held.digest):
                return None
            made = held._replace(
                digest=digest_of(secret), kind=PassKind.SIGN_IN, created=now, expires=now + SIGN_IN_LASTS
            )
            connection.run("keep_pass", **made._asdict())
            return made

    def link(self, secret: str, now: Ms) -> Pass | None:
        """The link that `secret` is, if it still holds."""
        return self._find(secret, PassKind.LINK, now)

    def find(self, secret: str, now: Ms) -> Pass | None:
        """The sign-in that `secret` is, if it still holds."""
        return self._find(secret, PassKind.SIGN_IN, now)

    def drop(self, secret: str) -> None:
        """Sign out."""
        with self._database.writing() as connection:
            connection.run("drop_pass", digest=digest_of(secret))

    def _find(self, secret: str, kind: PassKind, now: Ms) -> Pass | None:
        with self._database.reading() as connection:
            row = connection.row("pass_by_digest", digest=digest_of(secret))
        found = None if row is None else _pass(*row)
        return found if found is not None and found.kind is kind and found.expires > now else None


def _pass(
    digest: str, kind: str, domain: str, role: str, name: str, key_id: str | None, created: Ms, expires: Ms
) -> Pass:
    return Pass(digest, PassKind(kind), domain, Role(role), name, key_id, created, expires)
