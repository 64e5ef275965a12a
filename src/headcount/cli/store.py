"""Commands for operations on a database: migrate, rebuild, backup, restore, doctor."""

import sys
from typing import TYPE_CHECKING, Any

import click

from headcount.cli.console import echo, emit, is_quiet, json_option, note
from headcount.cli.file_options import progress_bar
from headcount.cli.group import main
from headcount.cli.options import (
    configured_store,
    name_database,
    require_store,
    with_settings,
)
from headcount.settings import Settings

if TYPE_CHECKING:
    from headcount.store.backup import LogDigest

_RULES = ("min_stay_s", "start_alone_s", "reset_alone_s", "stale_after_s")


@main.command("migrate", examples=["headcount migrate --check", "headcount migrate"])
@click.option("--check", is_flag=True, help="Only list pending migrations; exit with 1 if there are any.")
@json_option
@with_settings("database", reads_secrets=False)
def migrate_store(*, settings: Settings, check: bool, as_json: bool) -> None:
    """Apply pending database migrations. 'serve' does this at its start."""
    from headcount.store.migrations import migrate, pending  # noqa: PLC0415 - help does not need it
    from headcount.store.open import connect  # noqa: PLC0415 - likewise

    require_store(settings, read_only=check)
    database = connect(settings["database"], read_only=check)
    found = pending(database) if check else migrate(database)
    database.close()
    if as_json:
        rows = [{"number": migration.number, "name": migration.name} for migration in found]
        emit({"pending" if check else "applied": rows})
    for migration in () if as_json else found:
        echo(f"{'pending' if check else 'applied'}: {migration.number:04} {migration.name}")
    if not found and not as_json:
        echo("No pending migrations.")
    if check and found:
        sys.exit(1)


@main.command(examples=["headcount rebuild --check", "headcount rebuild --min-stay 5s"])
@click.option("--check", is_flag=True, help="Only compare; exit with 1 at the first difference.")
@json_option
@with_settings("database", "durability", "erasure_list", *_RULES)
def rebuild(*, settings: Settings, check: bool, as_json: bool) -> None:
    """Rebuild all meetings from the event log. Stop the server first."""
    from headcount.maintenance.rebuild import rebuild_tables  # noqa: PLC0415 - help does not need it
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - likewise

    require_store(settings, read_only=check)
    difference = rebuild_tables(settings, new_clock, check=check)
    if as_json:
        emit({"rebuilt": not check, "difference": difference})
    elif difference is not None:
        echo(difference, err=True)
    else:
        echo("The tables match the event log." if check else "Rebuilt all meetings from the event log.")
    if difference is not None:
        sys.exit(1)


@main.command(
    examples=[
        "headcount backup --output /backups/monday.backup",
        "headcount backup -o monday.backup --database /var/lib/headcount/headcount.db",
    ]
)
@click.option("-o", "--output", "file", required=True, metavar="FILE", help="File to write.")
@json_option
@with_settings("database", reads_secrets=False)
def backup(*, settings: Settings, file: str, as_json: bool) -> None:
    """Back up an SQLite database into one file. The server may run."""
    from headcount.store.backup import backup as back_up  # noqa: PLC0415 - help does not need it
    from headcount.store.open import connect  # noqa: PLC0415 - likewise

    require_store(settings, read_only=True)
    database = connect(settings["database"], read_only=True)
    with progress_bar(quiet=is_quiet()) as bar:
        digest = back_up(database, file, bar or _no_progress)
    database.close()
    if as_json:
        emit({"file": file, "database": settings.database(), **_digest_fields(digest)})
        return
    echo(f"Backed up {settings.database()} to {file}.")
    echo(_describe(digest))


@main.command(examples=["headcount restore /backups/monday.backup --database headcount.db"])
@click.argument("file", metavar="FILE")
@json_option
@with_settings("database", "erasure_list", *_RULES)
def restore(*, settings: Settings, file: str, as_json: bool) -> None:
    """Restore a backup FILE into a new SQLite database and verify it.

    The database must not exist yet.
    """
    from headcount.maintenance.erase import replay  # noqa: PLC0415 - help does not need it
    from headcount.maintenance.rebuild import check_or_rebuild  # noqa: PLC0415 - likewise
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - likewise
    from headcount.store.backup import restore as put_back  # noqa: PLC0415 - likewise

    differences: list[str | None] = []
    name_database(settings)
    with progress_bar(quiet=is_quiet()) as bar:
        digest = put_back(
            file,
            settings["database"],
            lambda copy: differences.append(check_or_rebuild(str(copy), settings, new_clock)),
            bar or _no_progress,
        )
        store = configured_store(settings)
        try:
            erased = replay(store, settings, new_clock(store.log.end()[1]).now, bar or _no_progress)
        finally:
            store.close()
    difference = next((one for one in differences if one is not None), None)
    if as_json:
        fields = (
            {"entries": None, "last_position": None, "sha256": None}
            if digest is None
            else _digest_fields(digest)
        )
        emit(
            {
                "file": file,
                "database": settings.database(),
                "difference": difference,
                "erasures_applied": erased,
                **fields,
            }
        )
        return
    echo(f"Restored {file} to {settings.database()}.")
    echo(
        "The file has no checksum, because 'headcount backup' did not write it."
        if digest is None
        else _describe(digest)
    )
    echo(
        "The tables match the event log."
        if difference is None
        else f"The tables did not match the event log and were rebuilt ({difference})."
    )
    if erased:
        echo(f"Applied {erased} erasures of the list of erasures again.")


def _digest_fields(digest: "LogDigest") -> dict[str, Any]:
    return {"entries": digest.entries, "last_position": digest.end, "sha256": digest.sha256}


def _describe(digest: "LogDigest") -> str:
    return f"Event log: {digest.entries:,} entries up to position {digest.end:,}, SHA-256 {digest.sha256}."


def _no_progress(share: float, label: str) -> None:
    """Discard the progress where no terminal shows it."""


@main.command(examples=["headcount doctor", "headcount doctor --json"])
@json_option
@with_settings("database", "ready_max_lag_s")
def doctor(*, settings: Settings, as_json: bool) -> None:
    """Check the installation and suggest fixes. Exits with 1 if a check fails.

    Checks the settings, the database, free disk space, the clock, the engine, sources, webhooks and API keys.
    """
    from headcount.maintenance.doctor import examine  # noqa: PLC0415 - help does not need it
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - likewise

    require_store(settings, read_only=True, damaged=True)
    note(f"Checking {settings.database()}")
    lines = examine(settings, new_clock().now())
    if as_json:
        emit(
            [
                {
                    "check": line.subject,
                    "ok": line.is_ok,
                    "problem": None if line.finding is None else str(line.finding.problem),
                    "message": line.text,
                }
                for line in lines
            ]
        )
    else:
        for line in lines:
            echo(f"{'ok   ' if line.is_ok else 'FAIL '}  {line.subject:<10}  {line.text}")
    if not all(line.is_ok for line in lines):
        sys.exit(1)
