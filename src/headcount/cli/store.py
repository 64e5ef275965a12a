"""Commands that look after a store: key, migrate, rebuild, backup, restore, doctor."""

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from headcount.cli.console import echo
from headcount.cli.files import progress_bar
from headcount.cli.group import main
from headcount.cli.serve import audit, database_option, with_settings
from headcount.errors import BadInput
from headcount.settings import Settings

if TYPE_CHECKING:
    from headcount.store.backup import LogDigest


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
    from headcount.service.container import make_key  # noqa: PLC0415 - likewise
    from headcount.store.open import open_store  # noqa: PLC0415 - likewise

    audit(settings)
    store = open_store(settings["database"])
    _, text = make_key(store, domain, name, scopes or ("read",), Clock())
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
        created, used = _minute(one.created), _minute(one.last_used)
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
    from headcount.clock import Clock  # noqa: PLC0415 - help does not need it
    from headcount.store.open import open_store  # noqa: PLC0415 - likewise
    from headcount.telemetry.logging import security_event  # noqa: PLC0415 - likewise

    audit(settings)
    store = open_store(settings["database"])
    key = store.keys.of_id(key_id)
    ended = store.keys.revoke(key_id, Clock().now(), keep_shares=keep_shares)
    store.close()
    if ended is None:
        raise BadInput(f"there is no valid key with the id '{key_id}'; 'headcount key list' shows all")
    security_event("key_revoked", domain=None if key is None else key.domain, revoked_key_id=key_id)
    echo(f"The key {key_id} is revoked; a running service refuses it within a second.")
    echo(
        f"Ended with it: {ended.sessions} sessions, {ended.links} sign-in links, {ended.shares} shared links."
    )


def _minute(at: int | None) -> str:
    return "never" if at is None else f"{datetime.fromtimestamp(at / 1_000, UTC):%Y-%m-%d %H:%M}"


@main.command("migrate")
@database_option
@click.option("--check", is_flag=True, help="Only say what is to be done; exit code 1 if anything is.")
def migrate_store(*, settings: Settings, check: bool) -> None:
    """Bring a store to what this release needs."""
    from headcount.store.migrations import migrate, pending  # noqa: PLC0415 - help does not need it
    from headcount.store.open import connect  # noqa: PLC0415 - likewise

    database = connect(settings["database"], read_only=check)
    found = pending(database) if check else migrate(database)
    database.close()
    word = "to do" if check else "done"
    for migration in found:
        echo(f"{word}: {migration.number:04} {migration.name}")
    if not found:
        echo("nothing to do")
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
    from headcount.maintenance.rebuild import rebuild_tables  # noqa: PLC0415 - help does not need it

    difference = rebuild_tables(settings, check=check)
    if difference is not None:
        echo(difference, err=True)
        sys.exit(1)
    echo("The tables are what the log says." if check else "Everything was worked out again from the log.")


@main.command()
@database_option
@click.argument("file", metavar="FILE")
@click.option("--quiet", is_flag=True, help="No progress.")
def backup(*, settings: Settings, file: str, quiet: bool) -> None:
    """Write all of the store into one FILE, while the service runs."""
    from headcount.store.backup import backup as back_up  # noqa: PLC0415 - help does not need it
    from headcount.store.open import connect  # noqa: PLC0415 - likewise

    database = connect(settings["database"], read_only=True)
    with progress_bar(quiet=quiet) as bar:
        digest = back_up(database, file, bar or _no_progress)
    database.close()
    echo(f"{file} holds all of {settings.shown('database')}.")
    echo(_described(digest))


@main.command()
@with_settings
@click.argument("file", metavar="FILE")
@click.option("--quiet", is_flag=True, help="No progress.")
def restore(*, settings: Settings, file: str, quiet: bool) -> None:
    """Make a store of a backup FILE, and verify it. There must not be one yet."""
    from headcount.maintenance.rebuild import check_or_rebuild  # noqa: PLC0415 - help does not need it
    from headcount.store.backup import restore as put_back  # noqa: PLC0415 - likewise

    differences: list[str | None] = []
    with progress_bar(quiet=quiet) as bar:
        digest = put_back(
            file,
            settings["database"],
            lambda copy: differences.append(check_or_rebuild(str(copy), settings)),
            bar or _no_progress,
        )
    echo(f"{settings['database']} is what {file} holds.")
    echo(
        "The file has no digest of its log, because 'headcount backup' did not write it."
        if digest is None
        else _described(digest)
    )
    for difference in differences:
        echo(
            "The tables follow from the log."
            if difference is None
            else f"The tables did not follow from the log, and were rebuilt ({difference})."
        )


def _described(digest: "LogDigest") -> str:
    return f"Log: {digest.entries:,} entries up to position {digest.end:,}, SHA-256 {digest.sha256}"


def _no_progress(share: float, label: str) -> None:
    """Where nobody watches."""


@main.command()
@with_settings
def doctor(*, settings: Settings) -> None:
    """Look for what is wrong, and say how to mend it; exit code 1 if anything is."""
    from headcount.maintenance.doctor import examine  # noqa: PLC0415 - help does not need it

    findings = examine(settings)
    for finding in findings:
        echo(f"{'ok   ' if finding.fine else 'WRONG'}  {finding.about:<10}  {finding.told}")
    if not all(finding.fine for finding in findings):
        sys.exit(1)
