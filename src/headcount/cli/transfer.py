"""Commands that move data: import from files of events or vendors' exports, and export."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from headcount.cli.console import echo
from headcount.cli.files import batch_extra, progress_bar
from headcount.cli.group import main
from headcount.cli.serve import database_option, with_settings
from headcount.settings import Settings

if TYPE_CHECKING:
    from headcount.ingest.importers.vendor_exports import ParsedExports
    from headcount.sources.api import Role
    from headcount.sources.exports.api import ExportFormat, ExportOptions

_SHOWN_ERRORS: Final = 5


@main.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@with_settings
@click.option("--source", metavar="KIND", help="The vendor's export format; see the docs on history.")
@click.option(
    "--room", default="", metavar="NAME", help="With --source: the room, if a file does not name it."
)
@click.option(
    "--zone",
    metavar="ZONE",
    help="With --source: the time zone of local times in a file, like Europe/Berlin.",
)
@click.option(
    "--dates",
    type=click.Choice(["day-first", "month-first"]),
    help="With --source: the order of ambiguous dates like 03/04/2026.",
)
@click.option(
    "--count",
    multiple=True,
    metavar="ROLE",
    help="With --source: a role to count besides people, like recorder.",
)
@click.option("--skip-invalid", is_flag=True, help="Leave bad rows out.")
@click.option("--quiet", is_flag=True, help="No progress.")
def import_(
    *,
    files: tuple[str, ...],
    settings: Settings,
    source: str | None,
    skip_invalid: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Import historical events from files, in the format of `sessionize`, or with --source in a vendor's.

    Imported events are never late. Importing a file again changes nothing, so an interrupted import can be
    repeated. --domain is the domain of events that name none.
    """
    if source is not None:
        _import_exports(source, files, settings, skip_invalid=skip_invalid, quiet=quiet, **options)
        return
    for option, value in options.items():
        if value:
            raise click.UsageError(f"--{option} belongs to --source: give the vendor's format, too")
    with batch_extra():
        from headcount.ingest.importers.event_files import import_files  # noqa: PLC0415 - only this command needs it
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - likewise
    from headcount.store.open import open_store  # noqa: PLC0415 - likewise

    store = open_store(settings["database"], durability=settings["durability"])
    with progress_bar(quiet=quiet) as bar:
        imported = import_files(
            store,
            files,
            settings["domain"],
            new_clock(store.log.end()[1]).now,
            settings.rules(),
            bar or _no_progress,
            limits=settings.limits(),
            stale_after=settings.stale_after(),
            skip_invalid=skip_invalid,
        )
    store.close()
    _show_result(imported.accepted, imported.duplicates, imported.rejected, processed=imported.processed)


@main.command("export")
@click.argument("out", metavar="DIR")
@database_option
@click.option("--domain", default="default", show_default=True, metavar="NAME", help="The domain to export.")
@click.option(
    "--format",
    "fmt",
    type=click.Choice(["parquet", "csv", "ndjson"]),
    default="parquet",
    show_default=True,
    help="File format.",
)
def export(*, out: str, settings: Settings, domain: str, fmt: str) -> None:
    """Write all events, meetings and participants of a domain into the directory DIR."""
    with batch_extra():
        from headcount.maintenance.export import export_domain  # noqa: PLC0415 - only this command needs it
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - likewise
    from headcount.store.open import open_store  # noqa: PLC0415 - likewise

    store = open_store(settings["database"], read_only=True)
    for path in export_domain(store, domain, out, fmt, new_clock().now()):
        echo(str(path))
    store.close()


def _import_exports(
    kind: str,
    files: Sequence[str],
    settings: Settings,
    *,
    count: Sequence[str],
    skip_invalid: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Parse all files, then append their events and print the result."""
    from headcount.ingest.importers.vendor_exports import append_events, parse_files  # noqa: PLC0415 - likewise
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - only this command needs it
    from headcount.store.open import open_store  # noqa: PLC0415 - likewise

    export_format = _export_format(kind)
    parsed = parse_files(
        export_format, files, _export_options(export_format, **options), _counted_roles(count), new_clock().now(),
        skip_invalid=skip_invalid, limits=settings.limits(),
    )  # fmt: skip
    store = open_store(settings["database"], durability=settings["durability"])
    now = new_clock(store.log.end()[1]).now
    with progress_bar(quiet=quiet) as bar:
        imported = append_events(
            store, parsed.events, settings["domain"], now, settings.rules(), settings.stale_after(), bar or _no_progress
        )  # fmt: skip
    store.close()
    left_out = sum(parsed.excluded.values()) + len(parsed.errors)
    _show_result(imported.accepted, imported.duplicates, left_out, processed=None)
    _show_left_out(parsed)
    _show_processing(processed=imported.processed)


def _show_result(accepted: int, duplicates: int, left_out: int, *, processed: bool | None) -> None:
    echo(f"{accepted:,} events taken, {duplicates:,} known already, {left_out:,} left out")
    if processed is not None:
        _show_processing(processed=processed)


def _show_processing(*, processed: bool) -> None:
    if not processed:
        echo("The service that runs on this store works them in.", err=True)


def _show_left_out(parsed: "ParsedExports") -> None:
    for role, number in sorted(parsed.excluded.items()):
        echo(f"left out: {number:,} of the role {role} (--count {role} takes them in)", err=True)
    for error in parsed.errors[:_SHOWN_ERRORS]:
        echo(f"left out: {error}", err=True)
    if len(parsed.errors) > _SHOWN_ERRORS:
        echo(f"left out: {len(parsed.errors) - _SHOWN_ERRORS:,} more invalid rows", err=True)


def _export_format(kind: str) -> "ExportFormat":
    from headcount.sources.exports.registry import EXPORT_FORMATS  # noqa: PLC0415 - only this command needs it

    if kind not in EXPORT_FORMATS:
        raise click.UsageError(f"--source knows no '{kind}': it is one of {', '.join(EXPORT_FORMATS)}")
    return EXPORT_FORMATS[kind]


def _export_options(
    export_format: "ExportFormat", *, room: str, zone: str | None, dates: str | None
) -> "ExportOptions":
    from headcount.sources.exports.api import ExportOptions  # noqa: PLC0415 - only this command needs it
    from headcount.timezones import parse_zone  # noqa: PLC0415 - likewise

    if room and not export_format.is_one_meeting:
        raise click.UsageError(
            f"--room is of no use with {export_format.kind}: all that it tells names its room"
        )
    for option, value in (("zone", zone), ("dates", dates)):
        if value and not export_format.has_local_times:
            raise click.UsageError(
                f"--{option} is of no use with {export_format.kind}: its times are without doubt"
            )
    return ExportOptions(
        room,
        None if zone is None else parse_zone(zone),
        None if dates is None else dates == "day-first",
    )


def _counted_roles(names: Sequence[str]) -> "frozenset[Role]":
    from headcount.sources.api import COUNTED_ROLES, Role  # noqa: PLC0415 - only this command needs it

    unknown = [name for name in names if name not in set(Role)]
    if unknown:
        raise click.UsageError(f"--count knows no '{unknown[0]}': it is one of {', '.join(Role)}")
    return COUNTED_ROLES | {Role(name) for name in names}


def _no_progress(share: float, label: str) -> None:
    """Discard the progress where no terminal shows it."""
