"""Import from files of events or vendors' exports."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from headcount.batch.extra import batch_extra
from headcount.cli.console import echo, emit, is_quiet, json_option, note, rfc3339
from headcount.cli.file_options import Mapping, prepare_arrow, progress_bar, with_mapping
from headcount.cli.group import main
from headcount.cli.options import (
    configured_store,
    name_database,
    with_settings,
    with_topic,
)
from headcount.errors import BadInput
from headcount.settings import Settings, suggest

if TYPE_CHECKING:
    from headcount.ingest.importers.outcome import Tally
    from headcount.ingest.importers.result import Imported
    from headcount.ingest.importers.vendor_exports import ParsedExports
    from headcount.sources.api import Role
    from headcount.sources.exports.api import ExportFormat, ExportOptions
    from headcount.store.open import Store

_SHOWN_ERRORS: Final = 5


@main.command(
    "import",
    examples=[
        "headcount import events.parquet",
        "headcount import --source livekit webhooks.jsonl --domain acme",
        "headcount import --source zoom-report report.csv --timezone Europe/Berlin --room 'Course 7'",
        "headcount import --source zoom-report webinar.csv --attribute customer=Organization",
        "headcount import --source livekit webhooks.jsonl --attribute customer=/room/metadata/customer",
    ],
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--source",
    metavar="KIND",
    help="Format of a vendor's export or webhook log.  [default: Headcount's event files]",
)
@click.option(
    "--room",
    default="",
    metavar="NAME",
    help="With --source: room of the meeting, if the file does not name it.",
)
@click.option(
    "--timezone",
    metavar="ZONE",
    help="With --source: time zone of local times in the file, such as Europe/Berlin.",
)
@click.option(
    "--date-order",
    type=click.Choice(["dmy", "mdy"]),
    help="With --source: order of day and month in ambiguous dates, such as 03/04/2026.",
)
@click.option(
    "--include-role",
    "include_roles",
    multiple=True,
    metavar="ROLE",
    help="With --source: role to count as a participant, such as recorder; repeatable.",
)
@with_mapping
@click.option("--skip-invalid", is_flag=True, help="Skip invalid rows instead of importing nothing.")
@click.option(
    "--close-open",
    is_flag=True,
    help="With --source: end stays that the files leave open at the last event of their file.",
)
@json_option
@with_settings(
    "database",
    "durability",
    "domain",
    "log",
    "min_stay_s",
    "start_alone_s",
    "reset_alone_s",
    "stale_after_s",
    "erasure_list",
)
def import_(
    *, files: tuple[str, ...], settings: Settings, source: str | None, mapping: Mapping, skip_invalid: bool, as_json: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Import historical events from files.

    FILE is Parquet, NDJSON or CSV in the format of 'headcount sessionize'; with --source, an export or a webhook log of a vendor.
    Imported events are never late. Headcount recognizes events that it has already imported, so you can repeat an import.
    The database is created if it does not exist.
    """
    if source is not None:
        for name in files:
            if name != "-" and not Path(name).exists():
                raise BadInput("there is no such file", where=name)
        if mapping.texts or mapping.time_unit:
            raise click.UsageError("--map and --time-unit are for files of events: remove them, or --source")
        options["attributes"] = mapping.attributes
        if settings["log"]:
            raise BadInput(
                "an export is compared with the log of a database: import it into an empty one without --log, and import the"
                " events that 'headcount export' writes of it",
                where="--source",
            )
        _import_exports(source, files, settings, skip_invalid=skip_invalid, as_json=as_json, **options)
        return
    for option, value in options.items():
        if value:
            raise click.UsageError(f"--{option.rstrip('s').replace('_', '-')} needs --source KIND")
    imported = _import_events(files, settings, mapping, skip_invalid=skip_invalid)
    if as_json:
        emit(_fields(imported, imported.rejected, {}))
        return
    _show_result(imported, imported.rejected)
    _show_processing(imported)


def _import_events(
    files: Sequence[str], settings: Settings, mapping: Mapping, *, skip_invalid: bool
) -> "Imported":
    prepare_arrow()
    with batch_extra():
        from headcount.ingest.importers.event_files import import_files  # noqa: PLC0415 - only this command needs it
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - likewise
    from headcount.store.open import has_store  # noqa: PLC0415 - likewise

    column_map = mapping.parsed()
    is_new = not has_store(settings["database"])
    store = with_topic(_new_or_existing(settings), settings)
    try:
        with progress_bar(quiet=is_quiet()) as bar:
            return import_files(
                store,
                files,
                settings["domain"],
                new_clock(store.log.end()[1]).now,
                settings.rules(),
                bar or _no_progress,
                limits=settings.limits(),
                stale_after=settings.stale_after(),
                skip_invalid=skip_invalid,
                mapping=column_map,
            )
    except BadInput as error:
        if is_new:
            _remove_if_empty(store)
        raise _with_suggestion(error, files, "events") from error
    finally:
        store.close()


def _remove_if_empty(store: "Store") -> None:
    """Delete a new database again if no event was imported into it."""
    from headcount.store.sqlite import SqliteDatabase, companions  # noqa: PLC0415 - help does not need it

    database = store.database
    if isinstance(database, SqliteDatabase) and not store.log.end()[0]:
        store.close()
        for path in (*companions(database.path), database.path):
            path.unlink(missing_ok=True)


def _new_or_existing(settings: Settings) -> "Store":
    name_database(settings)
    return configured_store(settings)


def _import_exports(
    kind: str, files: Sequence[str], settings: Settings, *, include_roles: Sequence[str], skip_invalid: bool,
    close_open: bool, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Parse all files, then append their events and print the result."""
    from headcount.ingest.importers.vendor_exports import append_events, parse_files  # noqa: PLC0415 - likewise
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - only this command needs it

    export_format = _export_format(kind, files)
    roles, chosen = _counted_roles(include_roles), _export_options(export_format, **options)
    try:
        parsed = parse_files(
            export_format, files, chosen, roles, new_clock().now(), skip_invalid=skip_invalid, limits=settings.limits()
        )  # fmt: skip
    except BadInput as error:
        raise _with_suggestion(error, files, kind) from error
    store = with_topic(_new_or_existing(settings), settings)
    now = new_clock(store.log.end()[1]).now
    with progress_bar(quiet=is_quiet()) as bar:
        imported = append_events(
            store, parsed, settings["domain"], now, settings.rules(), settings.stale_after(), bar or _no_progress,
            close_open=close_open,
        )  # fmt: skip
    store.close()
    if as_json:
        excluded = {str(role): number for role, number in sorted(parsed.excluded.items())}
        skipped = Counter(row.reason for row in parsed.skipped)
        emit(
            _fields(imported, len(parsed.errors), excluded)
            | {"skipped_rows": skipped}
            | _outcome_fields(imported)
        )
        return
    _show_result(imported, sum(parsed.excluded.values()) + len(parsed.errors) + len(parsed.skipped))
    _show_skipped(parsed)
    _show_outcome(imported, settings)
    _show_processing(imported)


def _outcome_fields(imported: "Imported") -> dict[str, Any]:
    open_rooms = [
        {"room": room, "participants": number, "last_event": rfc3339(last)}
        for room, number, last in _open_rooms(imported)
    ]
    unused = {
        name: getattr(imported.unused, name).number
        for name in ("too_short", "without_meeting", "lone_leaves")
    }
    return {"unused": unused, "closed_stays": imported.closed, "open_rooms": open_rooms}


def _open_rooms(imported: "Imported") -> list[tuple[str, int, int]]:
    """Return rooms with open stays: name, number of participants, and time of the last event of their file."""
    last = {stay.room: stay.last for stay in imported.open_stays}
    numbers = Counter(stay.room for stay in imported.open_stays)
    return [(room, numbers[room], last[room]) for room in sorted(numbers)]


def _show_outcome(imported: "Imported", settings: Settings) -> None:
    """Print what led to nothing, and what is open or was closed."""
    from headcount.units import format_duration  # noqa: PLC0415 - help does not need it

    rules, unused = settings.rules(), imported.unused
    _show_unused(unused.too_short, "stay", f"shorter than {format_duration(rules.min_stay_ms)}")
    limit = format_duration(rules.start_alone_ms)
    _show_unused(
        unused.without_meeting, "stay", f"in no meeting (one person at a time, for less than {limit})"
    )
    _show_unused(unused.lone_leaves, "leave", "of participants who were not in the room")
    if imported.closed:
        noun = "stay" if imported.closed == 1 else "stays"
        note(f"closed: {imported.closed:,} open {noun}, at the last event of the file")
    rooms = _open_rooms(imported)
    if rooms:
        shown = ", ".join(f"'{room}' ({number:,})" for room, number, _ in rooms[:_SHOWN_ERRORS])
        more = f" and {len(rooms) - _SHOWN_ERRORS:,} more" if len(rooms) > _SHOWN_ERRORS else ""
        verb = "room has" if len(rooms) == 1 else "rooms have"
        last = rfc3339(max(last for _, _, last in rooms))
        note(
            f"open: {len(rooms):,} {verb} participants without a leave: {shown}{more}, last event {last}."
            " Use --close-open to end their stays at the last event of the file"
        )


def _show_unused(tally: "Tally", noun: str, reason: str) -> None:
    """Print the number of facts that lead to nothing, and the first of them."""
    if not tally.number:
        return
    shown = ", ".join(f"'{participant}' in '{room}'" for room, participant in tally.first)
    rest = tally.number - len(tally.first)
    more = f" and {rest:,} more" if rest else ""
    note(f"unused: {tally.number:,} {noun if tally.number == 1 else noun + 's'} {reason}: {shown}{more}")


def _fields(imported: "Imported", invalid: int, excluded: dict[str, int]) -> dict[str, Any]:
    return {
        "imported": imported.accepted,
        "duplicates": imported.duplicates,
        "invalid": invalid,
        "excluded_roles": excluded,
        "processed": imported.processed,
    }


def _show_result(imported: "Imported", skipped: int) -> None:
    echo(
        f"Imported {imported.accepted:,} events. Skipped {imported.duplicates:,} duplicates and {skipped:,} other rows."
    )


def _show_processing(imported: "Imported") -> None:
    if not imported.processed:
        note("The server that runs on this database processes them.")


def _show_skipped(parsed: "ParsedExports") -> None:
    for role, number in sorted(parsed.excluded.items()):
        note(f"skipped: {number:,} events of the role {role} (--include-role {role} imports them)")
    for reason in dict.fromkeys(row.reason for row in parsed.skipped):
        rows = [row for row in parsed.skipped if row.reason == reason]
        noun = "row" if len(rows) == 1 else "rows"
        note(f"skipped: {len(rows):,} {noun} {reason} ({_places(rows)})")
    for error in parsed.errors[:_SHOWN_ERRORS]:
        note(f"skipped: {error}")
    if len(parsed.errors) > _SHOWN_ERRORS:
        note(f"skipped: {len(parsed.errors) - _SHOWN_ERRORS:,} more invalid rows")


def _places(rows: Sequence[BadInput]) -> str:
    """Return the places of the first rows, each file named once."""
    by_file: dict[str, list[str]] = {}
    for row in rows[:_SHOWN_ERRORS]:
        by_file.setdefault(row.where, []).append(row.place)
    places = [", ".join((file, *in_file)) for file, in_file in by_file.items()]
    return "; ".join(places) + (", …" if len(rows) > _SHOWN_ERRORS else "")


def _with_suggestion(error: BadInput, files: Sequence[str], kind: str) -> BadInput:
    """Return the error with the format that the file fits, if that is another one."""
    hint = _suggested_format(error.where if error.where in files else files[0], kind)
    if not hint:
        return error
    return BadInput(f"{error.reason}. {hint}", where=error.where)


def _suggested_format(file: str, kind: str) -> str:
    from headcount.ingest.importers.vendor_exports import detect_formats  # noqa: PLC0415 - only this command needs it

    fitting = detect_formats(file) if file != "-" else []
    if not fitting or kind in fitting:
        return ""
    if fitting[0] == "events":
        return "This looks like a file of Headcount's events: import it without --source"
    return f"This looks like the format {fitting[0]}: use --source {fitting[0]}"


def _export_format(kind: str, files: Sequence[str]) -> "ExportFormat":
    from headcount.sources.exports.registry import EXPORT_FORMATS  # noqa: PLC0415 - only this command needs it

    if kind not in EXPORT_FORMATS:
        hint = _suggested_format(files[0], kind)
        end = f". {hint}" if hint else suggest(kind, EXPORT_FORMATS)
        raise click.UsageError(
            f"--source: there is no format '{kind}'{end}. Formats are {', '.join(EXPORT_FORMATS)}"
        )
    return EXPORT_FORMATS[kind]


def _export_options(
    export_format: "ExportFormat", *, room: str, timezone: str | None, date_order: str | None,
    attributes: Sequence[str],
) -> "ExportOptions":  # fmt: skip
    from headcount.sources.exports.api import ExportOptions  # noqa: PLC0415 - only this command needs it
    from headcount.timezones import parse_zone  # noqa: PLC0415 - likewise

    if room and not export_format.is_one_meeting:
        raise click.UsageError(f"--room does not apply to {export_format.kind}: its events name their rooms")
    for option, value in (("timezone", timezone), ("date-order", date_order)):
        if value and not export_format.has_local_times:
            raise click.UsageError(
                f"--{option} does not apply to {export_format.kind}: its times are unambiguous"
            )
    day_first = {"dmy": True, "mdy": False}.get(date_order or "")
    places = _attribute_places(export_format, attributes)
    return ExportOptions(room, None if timezone is None else parse_zone(timezone), day_first, places)


def _attribute_places(export_format: "ExportFormat", texts: Sequence[str]) -> dict[str, str]:
    """Return the column or the JSON Pointer of each mapped attribute by its key."""
    from headcount.sources.attribute_map import parse_attribute_map  # noqa: PLC0415 - only this command needs it

    place = export_format.attribute_place
    if texts and not place:
        raise click.UsageError(f"--attribute does not apply to {export_format.kind}: it has no other values")
    places = {}
    for text in texts:
        key, _, value = text.partition("=")
        if not key or not value:
            example = "customer=Organization" if place == "column" else "customer=/room/metadata/customer"
            raise click.UsageError(
                f"--attribute: expected KEY={place.upper()}, such as {example}, got '{text}'"
            )
        places[key] = value
    if place == "pointer":
        parse_attribute_map(places)
    return places


def _counted_roles(names: Sequence[str]) -> "frozenset[Role]":
    from headcount.sources.api import COUNTED_ROLES, Role  # noqa: PLC0415 - only this command needs it

    unknown = [name for name in names if name not in set(Role)]
    if unknown:
        raise click.UsageError(f"--include-role: expected one of {', '.join(Role)}, got '{unknown[0]}'")
    return COUNTED_ROLES | {Role(name) for name in names}


def _no_progress(share: float, label: str) -> None:
    """Discard the progress where no terminal shows it."""
