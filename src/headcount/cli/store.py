"""Commands for operations on a store: migrate, rebuild, backup, restore, doctor."""

import sys
from typing import TYPE_CHECKING

import click

from headcount.cli.console import echo
from headcount.cli.files import progress_bar
from headcount.cli.group import main
from headcount.cli.serve import database_option, with_settings
from headcount.settings import Settings

if TYPE_CHECKING:
    from headcount.store.backup import LogDigest


@main.command("migrate")
@database_option
@click.option("--check", is_flag=True, help="Only list pending migrations; exit code 1 if there are any.")
def migrate_store(*, settings: Settings, check: bool) -> None:
    """Apply pending database migrations."""
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
    help="Only compare and report the first difference; exit code 1 if there is one.",
)
def rebuild(*, settings: Settings, check: bool) -> None:
    """Rebuild all meetings from the event log."""
    from headcount.maintenance.rebuild import rebuild_tables  # noqa: PLC0415 - help does not need it
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - likewise

    difference = rebuild_tables(settings, new_clock, check=check)
    if difference is not None:
        echo(difference, err=True)
        sys.exit(1)
    echo("The tables are what the log says." if check else "Everything was worked out again from the log.")


@main.command()
@database_option
@click.argument("file", metavar="FILE")
@click.option("--quiet", is_flag=True, help="No progress.")
def backup(*, settings: Settings, file: str, quiet: bool) -> None:
    """Back up the store into one FILE. The server may run."""
    from headcount.store.backup import backup as back_up  # noqa: PLC0415 - help does not need it
    from headcount.store.open import connect  # noqa: PLC0415 - likewise

    database = connect(settings["database"], read_only=True)
    with progress_bar(quiet=quiet) as bar:
        digest = back_up(database, file, bar or _no_progress)
    database.close()
    echo(f"{file} holds all of {settings.shown('database')}.")
    echo(_describe(digest))


@main.command()
@with_settings
@click.argument("file", metavar="FILE")
@click.option("--quiet", is_flag=True, help="No progress.")
def restore(*, settings: Settings, file: str, quiet: bool) -> None:
    """Restore a backup FILE into a new store, and verify it."""
    from headcount.maintenance.rebuild import check_or_rebuild  # noqa: PLC0415 - help does not need it
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - likewise
    from headcount.store.backup import restore as put_back  # noqa: PLC0415 - likewise

    differences: list[str | None] = []
    with progress_bar(quiet=quiet) as bar:
        digest = put_back(
            file,
            settings["database"],
            lambda copy: differences.append(check_or_rebuild(str(copy), settings, new_clock)),
            bar or _no_progress,
        )
    echo(f"{settings['database']} is what {file} holds.")
    echo(
        "The file has no digest of its log, because 'headcount backup' did not write it."
        if digest is None
        else _describe(digest)
    )
    for difference in differences:
        echo(
            "The tables follow from the log."
            if difference is None
            else f"The tables did not follow from the log, and were rebuilt ({difference})."
        )


def _describe(digest: "LogDigest") -> str:
    return f"Log: {digest.entries:,} entries up to position {digest.end:,}, SHA-256 {digest.sha256}"


def _no_progress(share: float, label: str) -> None:
    """Discard the progress where no terminal shows it."""


@main.command()
@with_settings
def doctor(*, settings: Settings) -> None:
    """Check the installation and suggest fixes; exit code 1 if a check fails."""
    from headcount.maintenance.doctor import examine  # noqa: PLC0415 - help does not need it
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - likewise

    lines = examine(settings, new_clock().now())
    for line in lines:
        echo(f"{'ok   ' if line.is_ok else 'WRONG'}  {line.subject:<10}  {line.text}")
    if not all(line.is_ok for line in lines):
        sys.exit(1)
