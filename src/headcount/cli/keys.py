"""Commands for API keys."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from headcount.cli.console import echo, emit, json_option, rfc3339, table
from headcount.cli.group import Group, main
from headcount.cli.options import audit, existing_store, record_access, with_settings
from headcount.errors import BadInput
from headcount.settings import Settings

if TYPE_CHECKING:
    from headcount.kernel.events import Ms
    from headcount.store.credentials import Key


@main.group(cls=Group)
def key() -> None:
    """Create, list and revoke API keys."""


@key.command(
    "create",
    examples=[
        "headcount key create --scope ingest --name 'SFU in Frankfurt'",
        "headcount key create --domain acme --scope read --scope ingest",
        "KEY=$(headcount key create --scope read --quiet)",
    ],
)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["ingest", "read", "admin"]),
    help="Scope of the key; repeatable.  [default: read]",
)
@click.option("--name", default="", metavar="TEXT", help="Description of the key.")
@json_option
@with_settings("database", "domain")
def create_api_key(*, settings: Settings, scopes: tuple[str, ...], name: str, as_json: bool) -> None:
    """Create an API key and print it. It is shown only once."""
    from headcount.service.access import create_key  # noqa: PLC0415 - help does not need it
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - likewise

    audit(settings)
    store = existing_store(settings)
    created, text = create_key(store, settings["domain"], name, scopes or ("read",), new_clock())
    record_access(store, settings, created.domain, "key.create", ("key", created.id))
    store.close()
    if as_json:
        emit({**_fields(created), "key": text})
    else:
        echo(text)


@key.command("list", examples=["headcount key list", "headcount key list --json"])
@json_option
@with_settings("database")
def list_keys(*, settings: Settings, as_json: bool) -> None:
    """List the API keys of all domains. Their secrets are not stored."""
    store = existing_store(settings, read_only=True)
    keys = store.keys.all()
    store.close()
    if as_json:
        emit([_fields(one) for one in keys])
    elif not keys:
        echo(f"No API keys. Create one with '{settings.command('key create --scope ingest')}'.")
    else:
        table(
            ("id", "domain", "scopes", "created", "last used", "state", "name"),
            [
                (
                    one.id, one.domain, ",".join(sorted(one.scopes)), _to_minute(one.created), _to_minute(one.last_used),
                    _state(one), one.name,
                )
                for one in keys
            ],
        )  # fmt: skip


@key.command(
    "show",
    examples=["headcount key show Xy12AbCd"],
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
)
@click.argument("key_id", metavar="ID")
@json_option
@with_settings("database")
def show_key(*, settings: Settings, key_id: str, as_json: bool) -> None:
    """Show one API key. ID is what 'key list' shows."""
    store = existing_store(settings, read_only=True)
    found = store.keys.by_id(key_id)
    store.close()
    if found is None:
        raise BadInput(f"there is no key with the ID '{key_id}'. 'headcount key list' shows all keys")
    if as_json:
        emit(_fields(found))
        return
    for name, value in _fields(found).items():
        shown = ", ".join(value) if isinstance(value, list) else value
        echo(f"{name:<13} {'never' if shown is None else shown}".rstrip())


@key.command(
    "revoke",
    examples=["headcount key revoke Xy12AbCd", "headcount key revoke --keep-shares -- -y12AbCd"],
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
)
@click.argument("key_id", metavar="ID")
@click.option("--keep-shares", is_flag=True, help="Keep the shared links that were created with the key.")
@json_option
@with_settings("database")
def revoke_key(*, settings: Settings, key_id: str, keep_shares: bool, as_json: bool) -> None:
    """Revoke an API key for good. ID is what 'key list' shows.

    Sessions, sign-in links and shared links that were created with the key end with it.
    """
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - help does not need it
    from headcount.telemetry.logging import security_event  # noqa: PLC0415 - likewise

    audit(settings)
    store = existing_store(settings)
    found = store.keys.by_id(key_id)
    ended = store.keys.revoke(key_id, new_clock().now(), keep_shares=keep_shares)
    if found is not None and ended is not None:
        record_access(store, settings, found.domain, "key.revoke", ("key", key_id))
    store.close()
    if ended is None:
        raise BadInput(f"there is no valid key with the ID '{key_id}'. 'headcount key list' shows all keys")
    security_event("key_revoked", domain=None if found is None else found.domain, revoked_key_id=key_id)
    if as_json:
        emit(
            {
                "id": key_id,
                "sessions": ended.sessions,
                "sign_in_links": ended.links,
                "shared_links": ended.shares,
            }
        )
        return
    echo(f"Revoked the key {key_id}. A running server rejects it within a second.")
    echo(f"Ended: {ended.sessions} sessions, {ended.links} sign-in links, {ended.shares} shared links.")


def _fields(one: "Key") -> dict[str, Any]:
    return {
        "id": one.id,
        "domain": one.domain,
        "name": one.name,
        "scopes": sorted(one.scopes),
        "state": _state(one),
        "created_at": rfc3339(one.created),
        "last_used_at": rfc3339(one.last_used),
        "revoked_at": rfc3339(one.revoked),
    }


def _state(one: "Key") -> str:
    return "valid" if one.revoked is None else "revoked"


def _to_minute(at: "Ms | None") -> str:
    return "never" if at is None else f"{datetime.fromtimestamp(at / 1_000, UTC):%Y-%m-%d %H:%M}"
