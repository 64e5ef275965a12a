"""Export: all data of a domain, or what has changed."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from headcount.batch.extra import batch_extra
from headcount.cli.console import echo, emit, json_option, note
from headcount.cli.file_options import prepare_arrow
from headcount.cli.group import main
from headcount.cli.options import existing_store, record_read, with_settings
from headcount.errors import BadInput
from headcount.settings import Settings

if TYPE_CHECKING:
    from headcount.store.open import Store

_ARCHIVE_TIMEOUT_S: Final = 180.0
_ARCHIVE_PAUSE_S: Final = 5.0


@main.command(
    "export",
    examples=[
        "headcount export --output export/",
        "headcount export -o export/ --domain acme --format csv",
        "headcount export -o dataset/ --since last",
    ],
)
@click.option(
    "-o",
    "--output",
    "out",
    required=True,
    metavar="DIR",
    help="Directory to write the files into.",
)
@click.option(
    "--format",
    "fmt",
    type=click.Choice(["parquet", "csv", "ndjson"]),
    default="parquet",
    help="File format.  [default: parquet]",
)
@click.option(
    "--since",
    metavar="CURSOR",
    help="Add changes to a data set: 'last', 'start', or the cursor of an earlier export.",
)
@json_option
@with_settings("database", "domain", "archive")
def export(*, out: str, settings: Settings, fmt: str, since: str | None, as_json: bool) -> None:
    """Export all events, meetings and participants of a domain to files.

    On a cluster, the events are in the archive of the live query: name it with --archive. The export waits until the archive
    has all events that are processed now.

    With --since, DIR is a data set of Parquet files by day, to which each export adds the meetings that have changed. The
    first one adds all of them. 'last' continues after the last export into DIR, and 'start' compares everything.
    """
    if since is not None:
        if fmt != "parquet":
            raise click.UsageError("--since writes Parquet: remove --format")
        _export_changes(out, settings, since, as_json=as_json)
        return
    from headcount.maintenance.export import export_domain  # noqa: PLC0415 - only this command needs it
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - likewise

    store = with_history(existing_store(settings, read_only=True), settings["archive"])
    paths = export_domain(store, settings["domain"], out, fmt, new_clock().now())
    store.close()
    record_read(settings, "export")
    if as_json:
        emit({"domain": settings["domain"], "format": fmt, "files": [str(path) for path in paths]})
    else:
        echo(*(str(path) for path in paths))


def _export_changes(out: str, settings: Settings, since: str, *, as_json: bool) -> None:
    """Add what has changed to a data set, and print the next cursor."""
    prepare_arrow()
    with batch_extra():
        from headcount.maintenance.incremental_export import export_changes  # noqa: PLC0415 - only this command needs it
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - likewise

    store = existing_store(settings, read_only=True)
    now = new_clock(store.log.end()[1]).now()
    exported = export_changes(store, settings["domain"], Path(out), since, now)
    store.close()
    record_read(settings, "export")
    if as_json:
        emit(
            {
                "domain": settings["domain"],
                "cursor": str(exported.revision),
                "compared_all": exported.compared_all,
                "meetings": exported.meetings,
                "participants": exported.participants,
                "deleted": exported.deleted,
                "files": [str(path) for path in exported.files],
            }
        )
        return
    echo(*(str(path) for path in exported.files))
    changes = f"{exported.meetings:,} new or changed meetings and {exported.deleted:,} deleted ones"
    note(f"Revision {exported.revision}: {changes}. Next: --since {exported.revision}, or --since last")


def with_history(store: "Store", archive: str) -> "Store":
    """Return the store with the history of its cluster. Raise `BadInput` if that needs an archive."""
    from headcount.service.logs import cluster_history  # noqa: PLC0415 - only this command needs it
    from headcount.store.shard_sink import ShardSink  # noqa: PLC0415 - likewise

    if not archive and ShardSink(store.database).progress() is not None:
        raise BadInput(
            "a live query on a cluster processes the events of this database, so its log is not complete: name the archive"
            " of the query with --archive"
        )
    if not archive:
        return store
    history = cluster_history(store.database, archive)
    _wait_for_archive(
        {number: one.next_offset for number, one in ShardSink(store.database).shards().items()}, archive
    )
    return replace(store, history=history)


def _wait_for_archive(offsets: Mapping[int, int], location: str) -> None:
    """Wait until an archive has what was processed. Raise `BadInput` if it does not get it."""
    from headcount.store.archive import Archive  # noqa: PLC0415 - loads Arrow

    archive, until = Archive(location), time.monotonic() + _ARCHIVE_TIMEOUT_S
    while not archive.has(offsets):
        if time.monotonic() > until:
            raise BadInput(
                "the archive does not have all events that were processed. Is it that of this database, and does the live"
                " query run? 'headcount cluster status' shows that",
                where=location,
            )
        note("Waiting for the archive, which is a minute behind ...")
        time.sleep(_ARCHIVE_PAUSE_S)
