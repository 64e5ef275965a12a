"""Commands for access: API keys, and sign-in links for the dashboard."""

from datetime import UTC, datetime

import click

from headcount.cli.console import echo
from headcount.cli.group import main
from headcount.cli.serve import audit, database_option, store_of
from headcount.errors import BadInput
from headcount.settings import Settings, url_of


@main.group()
def key() -> None:
    """Create, list and revoke API keys."""


@key.command("create")
@database_option
@click.option("--domain", default="default", show_default=True, metavar="NAME", help="Domain of the key.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["ingest", "read", "admin"]),
    help="Scope of the key; may be repeated.  [default: read]",
)
@click.option("--name", default="", metavar="TEXT", help="Description of the key.")
def create_api_key(*, settings: Settings, domain: str, scopes: tuple[str, ...], name: str) -> None:
    """Create a key and print it. It is shown only once."""
    from headcount.service.access import create_key  # noqa: PLC0415 - likewise
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - help does not need it
    from headcount.store.open import open_store  # noqa: PLC0415 - likewise

    audit(settings)
    store = open_store(settings["database"])
    _, text = create_key(store, domain, name, scopes or ("read",), new_clock())
    store.close()
    echo(text)


@key.command("list")
@database_option
def list_keys(*, settings: Settings) -> None:
    """List the keys, without their secrets."""
    from headcount.store.open import open_store  # noqa: PLC0415 - help does not need it

    store = open_store(settings["database"], read_only=True)
    echo(f"{'id':<8}  {'domain':<16}  {'scopes':<18}  {'created':<16}  {'last used':<16}  {'state':<8}  name")
    for one in store.keys.all():
        state = "valid" if one.revoked is None else "revoked"
        scopes = ",".join(sorted(one.scopes))
        created, used = _to_minute(one.created), _to_minute(one.last_used)
        echo(
            f"{one.id:<8}  {one.domain:<16}  {scopes:<18}  {created:<16}  {used:<16}  {state:<8}  {one.name}"
        )
    store.close()


@key.command("revoke", context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@database_option
@click.argument("key_id", metavar="ID")
@click.option("--keep-shares", is_flag=True, help="Keep the shared links that were created with the key.")
def revoke_key(*, settings: Settings, key_id: str, keep_shares: bool) -> None:
    """Revoke a key for good; ID is what `key list` shows.

    Sessions, sign-in links and shared links that were created with the key end, too.
    """
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - help does not need it
    from headcount.store.open import open_store  # noqa: PLC0415 - likewise
    from headcount.telemetry.logging import security_event  # noqa: PLC0415 - likewise

    audit(settings)
    store = open_store(settings["database"])
    key = store.keys.by_id(key_id)
    ended = store.keys.revoke(key_id, new_clock().now(), keep_shares=keep_shares)
    store.close()
    if ended is None:
        raise BadInput(f"there is no valid key with the id '{key_id}'; 'headcount key list' shows all")
    security_event("key_revoked", domain=None if key is None else key.domain, revoked_key_id=key_id)
    echo(f"The key {key_id} is revoked; a running service refuses it within a second.")
    echo(
        f"Ended with it: {ended.sessions} sessions, {ended.links} sign-in links, {ended.shares} shared links."
    )


def _to_minute(at: int | None) -> str:
    return "never" if at is None else f"{datetime.fromtimestamp(at / 1_000, UTC):%Y-%m-%d %H:%M}"


@main.command("dashboard-link")
@database_option
@click.option("--domain", default="default", show_default=True, help="Domain of the link.")
@click.option("--viewer", is_flag=True, help="Read-only access instead of admin access.")
def dashboard_link(*, settings: Settings, domain: str, viewer: bool) -> None:
    """Print a one-time sign-in link, valid for 1 hour."""
    from headcount.service.access import create_sign_in_link  # noqa: PLC0415 - likewise
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - help does not need it
    from headcount.store.credentials import Role  # noqa: PLC0415 - likewise

    audit(settings)
    store = store_of(settings)
    url = settings["public_url"] or url_of(settings["host"], settings["port"])
    role = Role.VIEWER if viewer else Role.ADMIN
    link = create_sign_in_link(store, url, domain, role, new_clock())
    store.close()
    echo(link)
