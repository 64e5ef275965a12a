"""Commands for the encryption of secrets at rest: keys, rotation, and a lost key."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headcount.cli.console import echo, emit, json_option
from headcount.cli.group import Group, main
from headcount.cli.options import (
    audit,
    existing_store,
    name_database,
    record_access,
    require_store,
    with_settings,
)
from headcount.errors import BadInput, CannotWrite
from headcount.settings import Settings

if TYPE_CHECKING:
    from headcount.store.open import Store
    from headcount.store.stored_secrets import ChangedSecrets

_PRIVATE = 0o600


@main.group("encryption", cls=Group)
def encryption() -> None:
    """Encrypt the secrets of sources and webhooks in the database."""


@encryption.command(
    "generate-key",
    examples=[
        "headcount encryption generate-key",
        "headcount encryption generate-key --output /etc/headcount/encryption.keys",
    ],
)
@click.option(
    "-o", "--output", "file", metavar="FILE",
    help="File of keys to write. If it has keys, they stay, and the new key becomes the first.",
)  # fmt: skip
@json_option
def generate_key(*, file: str | None, as_json: bool) -> None:
    """Generate an encryption key: print it, or put it first in a FILE of keys."""
    from headcount.service.runtime import random_bytes  # noqa: PLC0415 - help does not need it
    from headcount.store.encryption import KEY_BYTES, encode_key, key_id  # noqa: PLC0415 - likewise

    key = random_bytes(KEY_BYTES)
    if file is None:
        echo(encode_key(key)) if not as_json else emit({"key_id": key_id(key), "key": encode_key(key)})
        return
    others = _put_first(Path(file), encode_key(key))
    if as_json:
        emit({"key_id": key_id(key), "file": file, "other_key_ids": others})
        return
    echo(f"Wrote the key {key_id(key)} to {file}.")
    if others:
        echo("It is the first key. Encrypt all secrets with it: headcount encryption rotate")


def _put_first(file: Path, key: str) -> list[str]:
    """Write a key before those of a file, and return the IDs of the others. The owner and the mode of a file stay."""
    from headcount.store.encryption import parse_keys  # noqa: PLC0415 - help does not need it
    from headcount.store.sqlite import give_to_owner  # noqa: PLC0415 - likewise

    try:
        before = file.read_text("utf-8") if file.exists() else ""
        others = list(parse_keys(before, str(file))) if before.strip() else []
        with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as new:
            temporary = Path(new.name)
            new.write(f"{key}\n{before}")
            new.flush()
            os.fsync(new.fileno())
            give_to_owner(new.fileno(), temporary)
        if file.exists():
            known = file.stat()
            os.chown(temporary, known.st_uid, known.st_gid)
            temporary.chmod(known.st_mode & 0o777)
        else:
            temporary.chmod(_PRIVATE)
        temporary.replace(file)
    except (OSError, UnicodeDecodeError) as error:
        raise CannotWrite(str(file), getattr(error, "strerror", None) or str(error)) from error
    return others


@encryption.command("rotate", examples=["headcount encryption rotate", "headcount encryption rotate --json"])
@json_option
@with_settings("database")
def rotate(*, settings: Settings, as_json: bool) -> None:
    """Encrypt all secrets with the first key, in one transaction. The server may run.

    This also encrypts secrets that are in plain text.
    """
    from headcount.store.stored_secrets import rotate_secrets  # noqa: PLC0415 - help does not need it

    store = existing_store(settings)
    current, others = _key_ids(store)
    changed = rotate_secrets(store.database)
    for domain in store.keys.domains():
        record_access(store, settings, domain, "encryption_key.rotate")
    store.close()
    audit(settings)
    _log_event("encryption_rotated", encryption_key_id=current)
    if as_json:
        emit(
            {
                "key_id": current,
                "sources": len(changed.sources),
                "webhooks": len(changed.endpoints),
                "removable_key_ids": others,
            }
        )
        return
    echo(
        f"Encrypted the secrets of {_count(len(changed.sources), 'source')} and {_count(len(changed.endpoints), 'webhook')}"
        f" with the key {current}. All secrets have this key now."
    )
    if others:
        echo(f"No secret needs another key. When every server has the new key, remove: {', '.join(others)}")


def _key_ids(store: "Store") -> tuple[str, list[str]]:
    """Return the ID of the first key and of the others. Raise `BadInput` if there is none."""
    key_ids = store.database.keyring.key_ids()
    if not key_ids:
        store.close()
        raise BadInput(
            "there is no encryption key: create one with 'headcount encryption generate-key --output FILE',"
            " and set --encryption-key-file FILE"
        )
    return key_ids[0], key_ids[1:]


@encryption.command("reset", examples=["headcount encryption reset", "headcount encryption reset --yes"])
@click.option("--yes", is_flag=True, help="Replace them. Without it, they are only listed.")
@json_option
@with_settings("database")
def reset(*, settings: Settings, yes: bool, as_json: bool) -> None:
    """Replace secrets that no key decrypts, because a key is lost. Stop the server first.

    Sources and webhooks get random secrets. Passwords for polling and basic authentication are removed. Set them again.
    """
    from headcount.store.leadership import leadership  # noqa: PLC0415 - likewise
    from headcount.store.migrations import migrate  # noqa: PLC0415 - help does not need it
    from headcount.store.open import connect, store_on  # noqa: PLC0415 - likewise
    from headcount.store.stored_secrets import (  # noqa: PLC0415 - likewise
        reset_unreadable_secrets,
        unreadable_secrets,
    )

    require_store(settings, read_only=True)
    if yes:
        name_database(settings)
    database = connect(settings["database"], read_only=not yes, keyring=settings.keyring())
    if yes:
        migrate(database)
        # A server has the secret of the store in memory.
        lead = leadership(database, begins_epoch=False)
        if lead.try_lead() is None:
            raise BadInput("a server runs on this database: stop all servers first")
        lost = reset_unreadable_secrets(database)
        lead.give_up()
    else:
        lost = unreadable_secrets(database)
    store = store_on(database)
    sources, webhooks = _names(store, lost)
    if yes:
        for domain in store.keys.domains():
            record_access(store, settings, domain, "encryption_key.reset")
        audit(settings)
        _log_event("encryption_reset", sources=len(sources), webhooks=len(webhooks))
    database.close()
    if as_json:
        emit({"replaced": yes, "sources": sources, "webhooks": webhooks, "store": lost.store})
        return
    if not (sources or webhooks or lost.store):
        echo("The configured keys decrypt all secrets.")
        return
    if lost.store:
        echo("the secret of the store")
    echo(*(f"source {one['name']} of domain {one['domain']}" for one in sources))
    echo(*(f"webhook {one['uuid']} of domain {one['domain']}: {one['url']}" for one in webhooks))
    if not yes:
        echo(
            "No key decrypts these secrets. If the key is lost, replace them: headcount encryption reset --yes"
        )
        return
    echo("Replaced their secrets. Set those of sources with 'headcount source rotate-secret', polling with")
    echo("'headcount source update', and give receivers the secrets that 'headcount webhook show' prints.")


def _names(store: "Store", lost: "ChangedSecrets") -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    with store.database.reading() as connection:
        sources = [
            {"domain": domain, "name": name}
            for token, _, domain, name, *_ in connection.rows("select_sources")
            if token in lost.sources
        ]
        webhooks = [
            {"domain": domain, "uuid": uuid, "url": url}
            for uuid, domain, url, *_ in connection.rows("select_endpoints")
            if uuid in lost.endpoints
        ]
    return sources, webhooks


def _log_event(name: str, **context: object) -> None:
    from headcount.telemetry.logging import security_event  # noqa: PLC0415 - help does not need it

    security_event(name, **context)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
