"""Commands that look after a store: key, migrate, rebuild, backup, restore, doctor."""

import sys
from datetime import UTC, datetime

import click

from headcount.cli.group import main
from headcount.cli.serving import database_option, with_settings
from headcount.errors import BadInput
from headcount.settings import Settings


@main.group()
def key() -> None:
    """Make, list and revoke API keys."""


@key.command("create")
@database_option
@click.option("--domain", default="default", show_default=True, metavar="NAME", help="Whose key it is.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["ingest", "read", "admin"]),
    help="What it may do; may be given several times.  [default: read]",
)
@click.option("--name", default="", metavar="TEXT", help="What it is for.")
def create_key(*, settings: Settings, domain: str, scopes: tuple[str, ...], name: str) -> None:
    """Make a key, and print it this once."""
    from headcount.clock import Clock  # noqa: PLC0415 - help does not need it
    from headcount.service import make_key  # noqa: PLC0415 - likewise
    from headcount.store.opening import open_store  # noqa: PLC0415 - likewise

    store = open_store(settings["database"])
    _, text = make_key(store, domain, name, scopes or ("read",), Clock())
    store.close()
    click.echo(text)


@key.command("list")
@database_option
def list_keys(*, settings: Settings) -> None:
    """List the keys, without their secrets."""
    from headcount.store.opening import open_store  # noqa: PLC0415 - help does not need it

    store = open_store(settings["database"], read_only=True)
    click.echo(
        f"{'id':<8}  {'domain':<16}  {'scopes':<18}  {'created':<16}  {'last used':<16}  {'state':<8}  name"
    )
    for one in store.keys.all():
        state = "valid" if one.revoked is None else "revoked"
        scopes = ",".join(sorted(one.scopes))
        created, used = _minute(one.created), _minute(one.last_used)
        click.echo(
            f"{one.id:<8}  {one.domain:<16}  {scopes:<18}  {created:<16}  {used:<16}  {state:<8}  {one.name}"
        )
    store.close()


@key.command("revoke")
@database_option
@click.argument("key_id", metavar="ID")
@click.option("--keep-shares", is_flag=True, help="Keep the shared links that were created with the key.")
def revoke_key(*, settings: Settings, key_id: str, keep_shares: bool) -> None:
    """Revoke a key for good; ID is what `key list` shows.

    Sessions, sign-in links and shared links that were created with the key end, too.
    """
    from headcount.clock import Clock  # noqa: PLC0415 - help does not need it
    from headcount.store.opening import open_store  # noqa: PLC0415 - likewise

    store = open_store(settings["database"])
    ended = store.keys.revoke(key_id, Clock().now(), keep_shares=keep_shares)
    store.close()
    if ended is None:
        raise BadInput(f"there is no valid key with the id '{key_id}'; 'headcount key list' shows all")
    click.echo(f"The key {key_id} is revoked; a running service refuses it within a second.")
    click.echo(
        f"Ended with it: {ended.sessions} sessions, {ended.links} sign-in links, {ended.shares} shared links."
    )


def _minute(at: int | None) -> str:
    return "never" if at is None else f"{datetime.fromtimestamp(at / 1_000, UTC):%Y-%m-%d %H:%M}"


@main.command("migrate")
@database_option
@click.option("--check", is_flag=True, help="Only say what is to be done; exit code 1 if anything is.")
def migrate_store(*, settings: Settings, check: bool) -> None:
    """Bring a store to what this release needs."""
    from headcount.store.migrating import migrate, pending  # noqa: PLC0415 - help does not need it
    from headcount.store.opening import connect  # noqa: PLC0415 - likewise

    database = connect(settings["database"], read_only=check)
    found = pending(database) if check else migrate(database)
    database.close()
    word = "to do" if check else "done"
    for migration in found:
        click.echo(f"{word}: {migration.number:04} {migration.name}")
    if not found:
        click.echo("nothing to do")
    if check and found:
        sys.exit(1)


@main.command()
@with_settings
@click.option(
    "--check",
    is_flag=True,
    help="Only compare, and say where the first difference is; exit code 1 if there is one.",
)
def rebuild(*, settings: Settings, check: bool) -> None:
    """Work everything out again from the log."""
    from headcount.rebuilding import rebuild_tables  # noqa: PLC0415 - help does not need it

    difference = rebuild_tables(settings, check=check)
    if difference is not None:
        click.echo(difference, err=True)
        sys.exit(1)
    click.echo(
        "The tables are what the log says." if check else "Everything was worked out again from the log."
    )


@main.command()
@database_option
@click.argument("file", metavar="FILE")
def backup(*, settings: Settings, file: str) -> None:
    """Write all of the store into one FILE, while the service runs."""
    from headcount.store.backing_up import backup as back_up  # noqa: PLC0415 - help does not need it
    from headcount.store.opening import connect  # noqa: PLC0415 - likewise

    database = connect(settings["database"], read_only=True)
    back_up(database, file)
    database.close()
    click.echo(f"{file} holds all of {settings['database']}.")


@main.command()
@database_option
@click.argument("file", metavar="FILE")
def restore(*, settings: Settings, file: str) -> None:
    """Make a store of a backup FILE. There must not be one yet."""
    from headcount.store.backing_up import restore as put_back  # noqa: PLC0415 - help does not need it

    put_back(file, settings["database"])
    click.echo(f"{settings['database']} is what {file} holds.")


@main.command()
@with_settings
def doctor(*, settings: Settings) -> None:
    """Look for what is wrong, and say how to mend it; exit code 1 if anything is."""
    from headcount.doctor import examine  # noqa: PLC0415 - help does not need it

    findings = examine(settings)
    for finding in findings:
        click.echo(f"{'ok   ' if finding.fine else 'WRONG'}  {finding.about:<10}  {finding.told}")
    if not all(finding.fine for finding in findings):
        sys.exit(1)
