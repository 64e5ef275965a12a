"""Commands that move history: import, export."""

from typing import Any

import click

from headcount.cli.console import echo
from headcount.cli.files import batch_extra, progress_bar
from headcount.cli.group import main
from headcount.cli.serve import database_option, with_settings
from headcount.cli.vendor_exports import import_from
from headcount.settings import Settings


@main.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@with_settings
@click.option("--source", metavar="KIND", help="The form in which a vendor gives its history.")
@click.option(
    "--room", default="", metavar="NAME", help="With --source: the room, where a file does not name it."
)
@click.option(
    "--zone",
    metavar="ZONE",
    help="With --source: where clocks showed the times of a file, like Europe/Berlin.",
)
@click.option(
    "--dates",
    type=click.Choice(["day-first", "month-first"]),
    help="With --source: which of 03/04/2026 is the day, where a file leaves it open.",
)
@click.option(
    "--count", multiple=True, metavar="ROLE", help="With --source: who counts besides people, like recorder."
)
@click.option("--skip-bad", is_flag=True, help="Leave bad rows out.")
@click.option("--quiet", is_flag=True, help="No progress.")
def import_(
    *,
    files: tuple[str, ...],
    settings: Settings,
    source: str | None,
    skip_bad: bool,
    quiet: bool,
    **asked: Any,
) -> None:
    """Take in history: files of events, as `sessionize` reads them, or with --source as a vendor gives them.

    Nothing of it is late. The same file again changes nothing, so a run that was cut off is
    taken up by running it again. --domain is that of events that name none.
    """
    if source is not None:
        import_from(source, files, settings, skip_bad=skip_bad, quiet=quiet, **asked)
        return
    for option, value in asked.items():
        if value:
            raise click.UsageError(f"--{option} belongs to --source: say which vendor's history it is")
    with batch_extra():
        from headcount.ingest.importers.event_files import import_files  # noqa: PLC0415 - only who asks pays
    from headcount.clock import Clock  # noqa: PLC0415 - likewise
    from headcount.store.open import open_store  # noqa: PLC0415 - likewise

    store = open_store(settings["database"], synchronous=settings["synchronous"])
    with progress_bar(quiet=quiet) as bar:
        done = import_files(
            store,
            files,
            settings["domain"],
            Clock(store.log.end()[1]).now,
            settings.rules(),
            bar or _nothing,
            limits=settings.limits(),
            max_stay=settings.max_stay(),
            skip_bad=skip_bad,
        )
    store.close()
    echo(f"{done.accepted:,} events taken, {done.duplicates:,} known already, {done.left_out:,} left out")
    if not done.worked_in:
        echo("The service that runs on this store works them in.", err=True)


@main.command("export")
@click.argument("out", metavar="DIR")
@database_option
@click.option("--domain", default="default", show_default=True, metavar="NAME", help="Whose.")
@click.option(
    "--format",
    "fmt",
    type=click.Choice(["parquet", "csv", "ndjson"]),
    default="parquet",
    show_default=True,
    help="What to write.",
)
def export(*, out: str, settings: Settings, domain: str, fmt: str) -> None:
    """Write all events, meetings and participants of a domain into the directory DIR."""
    with batch_extra():
        from headcount.maintenance.export import export_domain  # noqa: PLC0415 - only who asks pays
    from headcount.clock import Clock  # noqa: PLC0415 - likewise
    from headcount.store.open import open_store  # noqa: PLC0415 - likewise

    store = open_store(settings["database"], read_only=True)
    for path in export_domain(store, domain, out, fmt, Clock().now()):
        echo(str(path))
    store.close()


def _nothing(share: float, label: str) -> Any:
    pass
