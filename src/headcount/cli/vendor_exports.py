"""What `import --source` does: history in the form in which a vendor gives it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from headcount.cli.console import echo
from headcount.cli.files import progress_bar
from headcount.settings import Settings

if TYPE_CHECKING:
    from headcount.ingest.importers.vendor_exports import History
    from headcount.sources.api import Role
    from headcount.sources.exports.api import ExportFormat, ExportOptions

_SHOWN = 5


def import_from(
    source: str,
    files: Sequence[str],
    settings: Settings,
    *,
    count: Sequence[str],
    skip_bad: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Read all of the files, then take in what they tell, and say what became of it."""
    from headcount.clock import Clock  # noqa: PLC0415 - only who asks pays
    from headcount.ingest.importers.vendor_exports import read_history, take_history  # noqa: PLC0415 - likewise
    from headcount.store.open import open_store  # noqa: PLC0415 - likewise

    form = _form(source)
    asked, counted = _asked(form, **options), _counted(count)
    history = read_history(
        form, files, asked, counted, Clock().now(), skip_bad=skip_bad, limits=settings.limits()
    )
    store = open_store(settings["database"], synchronous=settings["synchronous"])
    now = Clock(store.log.end()[1]).now
    with progress_bar(quiet=quiet) as bar:
        taken = take_history(
            store, history, settings["domain"], now, settings.rules(), settings.max_stay(), bar or _nothing
        )
    store.close()
    left_out = sum(history.not_counted.values()) + len(history.bad)
    echo(f"{taken.accepted:,} events taken, {taken.duplicates:,} known already, {left_out:,} left out")
    _tell_left_out(history)
    if not taken.worked_in:
        echo("The service that runs on this store works them in.", err=True)


def _form(kind: str) -> "ExportFormat":
    from headcount.sources.exports.registry import EXPORT_FORMATS  # noqa: PLC0415 - only who asks pays

    if kind not in EXPORT_FORMATS:
        raise click.UsageError(f"--source knows no '{kind}': it is one of {', '.join(EXPORT_FORMATS)}")
    return EXPORT_FORMATS[kind]


def _asked(form: "ExportFormat", *, room: str, zone: str | None, dates: str | None) -> "ExportOptions":
    from headcount.sources.exports.api import ExportOptions  # noqa: PLC0415 - only who asks pays
    from headcount.timezones import parse_zone  # noqa: PLC0415 - likewise

    if room and not form.is_one_meeting:
        raise click.UsageError(f"--room is of no use with {form.kind}: all that it tells names its room")
    for option, value in (("zone", zone), ("dates", dates)):
        if value and not form.has_local_times:
            raise click.UsageError(f"--{option} is of no use with {form.kind}: its times are without doubt")
    return ExportOptions(
        room,
        None if zone is None else parse_zone(zone),
        None if dates is None else dates == "day-first",
    )


def _counted(asked: Sequence[str]) -> "frozenset[Role]":
    from headcount.sources.api import COUNTED_ROLES, Role  # noqa: PLC0415 - only who asks pays

    unknown = [role for role in asked if role not in set(Role)]
    if unknown:
        raise click.UsageError(f"--count knows no '{unknown[0]}': it is one of {', '.join(Role)}")
    return COUNTED_ROLES | {Role(role) for role in asked}


def _tell_left_out(history: "History") -> None:
    for role, number in sorted(history.not_counted.items()):
        echo(f"left out: {number:,} of the role {role} (--count {role} takes them in)", err=True)
    for wrong in history.bad[:_SHOWN]:
        echo(f"left out: {wrong}", err=True)
    if len(history.bad) > _SHOWN:
        echo(f"left out: {len(history.bad) - _SHOWN:,} more bad rows", err=True)


def _nothing(share: float, label: str) -> None:
    pass
