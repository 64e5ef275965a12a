"""Command that shows the access log.

Responsible for its options and output. Must not know which request is which action.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headcount.cli.console import echo, emit, json_option, note, rfc3339, table
from headcount.cli.options import existing_store, record_read, with_settings
from headcount.cli.param_types import TIME
from headcount.cli.privacy import privacy
from headcount.errors import BadInput, CannotWrite
from headcount.kernel.events import Ms
from headcount.settings import Settings, suggest

if TYPE_CHECKING:
    from headcount.store.access_log import AccessEntry, AccessFilter
    from headcount.store.open import Store

_PAGE_SIZE = 1_000
_SHOWN = 100


@privacy.command(
    "access-log",
    examples=[
        "headcount privacy access-log --meeting d59b4650-648e-53db-8017-2fc495a000b4",
        "headcount privacy access-log --user anna --from 2026-11-01T00:00:00Z",
        "headcount privacy access-log --action export -o exports.csv",
    ],
)
@click.option("--meeting", metavar="ID", help="Meeting that was read.")
@click.option("--user", metavar="ID", help="User whose data was read.")
@click.option("--actor", metavar="ID", help="ID of the API key or session, or user of this machine.")
@click.option("--action", metavar="ACTION", help="Action, such as export or meeting.read.")
@click.option("--from", "since", type=TIME, metavar="TIME", help="Earliest time (RFC 3339), inclusive.")
@click.option("--to", "before", type=TIME, metavar="TIME", help="Latest time (RFC 3339), exclusive.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Maximum number of entries.  [default: {_SHOWN}; all with --output]",
)
@click.option("-o", "--output", "out", metavar="FILE.csv", help="CSV file to write.")
@json_option
@with_settings("database", "domain")
def show_access_log(
    *, settings: Settings, meeting: str | None, user: str | None, limit: int | None, out: str | None, as_json: bool,
    **given: Any,
) -> None:  # fmt: skip
    """Show who read meetings and people, signed in, exported, erased or changed keys.

    Entries are listed newest first. This command is an entry of the access log, too.
    """
    if out is not None and as_json:
        raise click.UsageError("--output cannot be combined with --json: leave one of them out")
    wanted = _filter(meeting, user, **given)
    store = existing_store(settings, read_only=True)
    try:
        found = islice(
            _entries(store, settings["domain"], wanted), limit or (_SHOWN if out is None else None)
        )
        if out is not None:
            _write_csv(found, out)
        elif as_json:
            emit([_fields(entry) for entry in found])
        else:
            _show(list(found))
    finally:
        store.close()
    record_read(settings, "access_log.read")


def _filter(
    meeting: str | None, user: str | None, *, actor: str | None, action: str | None, since: Ms | None, before: Ms | None
) -> "AccessFilter":  # fmt: skip
    from headcount.store.access_log import AccessFilter, Action, SubjectType  # noqa: PLC0415 - help does not need it

    if meeting is not None and user is not None:
        raise click.UsageError("--meeting cannot be combined with --user: leave one of them out")
    if action is not None and action not in list(Action):
        raise BadInput(
            f"--action: there is no action '{action}'{suggest(action, list(Action))}. Actions are {', '.join(Action)}"
        )
    kind = SubjectType.MEETING if meeting is not None else SubjectType.USER if user is not None else None
    known = None if action is None else Action(action)
    return AccessFilter(since, before, actor, known, kind, meeting if user is None else user)


def _entries(store: "Store", domain: str, wanted: "AccessFilter") -> Iterator["AccessEntry"]:
    after = None
    while page := store.access_log.page(domain, wanted, _PAGE_SIZE, after=after):
        yield from page
        after = page[-1].number


def _write_csv(entries: Iterator["AccessEntry"], out: str) -> None:
    """Write the entries while they are read, so that memory does not grow with them."""
    from datetime import UTC  # noqa: PLC0415 - help does not need it

    from headcount.dashboard.files.csv import as_csv  # noqa: PLC0415 - likewise
    from headcount.dashboard.pages.access_log import table_of  # noqa: PLC0415 - likewise

    try:
        with Path(out).open("wb") as file:
            file.writelines(as_csv(table_of(entries, UTC)))
    except OSError as error:
        raise CannotWrite(out, error.strerror or str(error)) from error
    note(f"Wrote {out}.")


def _show(entries: list["AccessEntry"]) -> None:
    if not entries:
        echo("No entries.")
        return
    table(
        ("time", "actor", "action", "subject", "address", "requests", "detail"),
        [
            (
                rfc3339(entry.at) or "",
                " ".join(filter(None, (entry.access.actor.type, entry.access.actor.id, entry.access.actor.name))),
                entry.access.action, " ".join(entry.access.subject or ()), entry.access.address, f"{entry.requests:,}",
                entry.access.detail,
            )
            for entry in entries
        ],
    )  # fmt: skip


def _fields(entry: "AccessEntry") -> dict[str, Any]:
    access = entry.access
    return {
        "at": rfc3339(entry.at),
        "actor": access.actor._asdict(),
        "action": access.action,
        "subject": None if access.subject is None else access.subject._asdict(),
        "address": access.address,
        "detail": access.detail,
        "requests": entry.requests,
    }
