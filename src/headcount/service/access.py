"""Initial access: API keys and sign-in links that are created outside of a request, and the file that hands them over.

Responsible for drawing their secrets, for the security log and for the file. Must not know how they are checked.
"""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from headcount.clock import Clock
from headcount.errors import BadInput, CannotWrite
from headcount.store.credentials import Key, Role, key_id_of, new_secret
from headcount.store.database import StoreRejected, file_of
from headcount.store.open import Store
from headcount.telemetry.logging import security_event

_DECLARED_KEY: Final = re.compile(r"hc_[A-Za-z0-9_-]{24,200}")


class Access(NamedTuple):
    """How to sign in to a domain. `key` is empty if the server did not create one. All but `domain` are secret."""

    domain: str
    sign_in_link: str
    key: str = ""


def create_key(
    store: Store, domain: str, name: str, scopes: tuple[str, ...], clock: Clock
) -> tuple[Key, str]:
    """Create an API key; return it with its text, which is not stored."""
    key, text = store.keys.create(domain, name, scopes, clock.now(), new_secret())
    security_event("key_created", domain=domain, created_key_id=key.id, scopes=sorted(scopes))
    return key, text


def create_first_key(store: Store, domain: str, clock: Clock) -> tuple[Key, str] | None:
    """Create an admin key if the store has no key at all, else return None."""
    if store.keys.all():
        return None
    return create_key(store, domain, "First key", ("admin",), clock)


def declare_key(store: Store, domain: str, declared: tuple[str, str], clock: Clock) -> Key | None:
    """Create an admin key with a declared text, given with its variable. Return it; None if the store has it.

    Raise `BadInput` for another form, or if the key was revoked or is that of another domain.
    """
    text, variable = declared
    if not _DECLARED_KEY.fullmatch(text):
        raise BadInput(
            "expected hc_ and 24 or more of A to Z, a to z, 0 to 9, - and _: create one with"
            ' echo "hc_$(openssl rand -hex 24)"',
            where=variable,
        )
    if store.keys.by_id(key_id_of(text)) is None:
        with suppress(StoreRejected):  # another process has created it meanwhile
            key, _ = store.keys.create(
                domain, "Declared key", ("admin",), clock.now(), text.removeprefix("hc_")
            )
            security_event(
                "key_created", domain=domain, created_key_id=key.id, scopes=["admin"], declared=True
            )
            return key
    known = store.keys.find(text)
    if known is None:
        raise BadInput(
            "there is another API key with the same 8 first characters: choose another one", where=variable
        )
    if known.revoked is not None:
        raise BadInput(
            f"the API key {known.id} was revoked: choose another one, or remove the variable", where=variable
        )
    if known.domain != domain:
        raise BadInput(
            f"the API key {known.id} is one of the domain '{known.domain}', and the setting domain is '{domain}':"
            " choose another one",
            where=variable,
        )
    return None


def create_sign_in_link(store: Store, url: str, domain: str, role: Role, clock: Clock) -> str:
    """Return a one-time sign-in link, valid for one hour, below the server's `url`."""
    secret = new_secret()
    store.access_tokens.create_link(domain, role, "Sign-in link", clock.now(), secret)
    security_event("sign_in_link_created", domain=domain, role=str(role))
    return f"{url.rstrip('/')}/dashboard/sign-in?link={secret}"


def initial_access(store: Store, domain: str, url: str, clock: Clock) -> Access:
    """Create a sign-in link for an admin, and an admin key if the store has no key at all."""
    first = create_first_key(store, domain, clock)
    link = create_sign_in_link(store, url, domain, Role.ADMIN, clock)
    return Access(domain, link, "" if first is None else first[1])


def access_file(database: str, variables: Mapping[str, str]) -> Path:
    """Return the file that hands over access: beside an SQLite database, else in the state directory, named like it."""
    file = file_of(database)
    if file is not None:
        return file.absolute().with_name(f"{file.name}.access")
    systemd = variables.get("STATE_DIRECTORY", "").partition(":")[0]
    home = variables.get("XDG_STATE_HOME") or f"{variables.get('HOME', '.')}/.local/state"
    name = urlsplit(database).path.strip("/") or "headcount"
    return Path(systemd or f"{home}/headcount") / f"{quote(name, safe='')}.access"


def write_access_file(file: Path, access: Access) -> None:
    """Write or replace the file. Only its owner can read it (mode 0600). Raise `CannotWrite`."""
    lines = [
        "# Written at each start of the server, replaced at the next. Keep it private.",
        f"domain = {access.domain}",
        f"sign_in_link = {access.sign_in_link}",
        *([f"api_key = {access.key}"] if access.key else []),
    ]
    partial = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write("\n".join(lines) + "\n")
        partial.replace(file)
    except OSError as error:
        raise CannotWrite(str(file), error.strerror or str(error)) from error
