"""Commands about the data of a person.

Responsible for their options and output. Must not know how people are found: `store.data_subjects` does.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from headcount.cli.console import echo, emit, json_option, note, rfc3339, table
from headcount.cli.group import Group, main
from headcount.cli.options import existing_store, record_access, record_read, with_settings
from headcount.errors import BadInput
from headcount.settings import Settings

_PATIENCE_S: Final = 600


@main.group(cls=Group)
def privacy() -> None:
    """Export the data of a person, and limit what is stored and for how long."""


def with_selector(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that select a person to a command."""
    for option, metavar, text in (
        ("--attribute", "KEY=VALUE", "Attribute of the person, such as email=anna@example.com."),
        ("--participant", "ID", "Participant id of the person, in all rooms."),
        ("--user", "ID", "User id of the person."),
    ):
        command = click.option(option, metavar=metavar, help=text)(command)
    return command


@privacy.command(
    "export",
    examples=[
        "headcount privacy export --user anna -o anna.zip",
        "headcount privacy export --attribute email=anna@example.com --domain acme -o anna/",
    ],
)
@with_selector
@click.option(
    "-o",
    "--output",
    "out",
    required=True,
    metavar="FILE.zip",
    help="ZIP archive to write, or a directory if the name does not end in .zip.",
)
@json_option
@with_settings("database", "domain", "archive")
def export_person(
    *, settings: Settings, user: str | None, participant: str | None, attribute: str | None, out: str, as_json: bool
) -> None:  # fmt: skip
    """Export everything that is stored about a person.

    Name the person by one of --user, --participant and --attribute. The export has one JSON file, a CSV file for each table,
    and a description of all columns. Data of other people is excluded. On a cluster, name the archive with --archive.
    """
    from headcount.cli.exports import with_history  # noqa: PLC0415 - help does not need it
    from headcount.maintenance.person_export import PersonExport, write_person  # noqa: PLC0415 - help does not need it
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - likewise
    from headcount.store.data_subjects import parse_selector  # noqa: PLC0415 - likewise

    if len([one for one in (user, participant, attribute) if one is not None]) != 1:
        raise click.UsageError("Name the person by one of --user, --participant and --attribute")
    selector = parse_selector(user, participant, attribute)
    store = with_history(existing_store(settings, read_only=True), settings["archive"])
    try:
        export = PersonExport(store, settings["domain"], selector, new_clock().now())
        if export.is_empty:
            raise BadInput(
                f"the domain '{settings['domain']}' has nothing about {selector.description}."
                " Check the spelling, and name another domain with --domain"
            )
        paths = write_person(export, Path(out))
    finally:
        store.close()
    record_read(settings, "privacy.export", selector.subject)
    if as_json:
        emit({**export.head(), "rows": dict(export.counts), "files": [str(path) for path in paths]})
        return
    for name, number in export.counts.items():
        echo(f"{number:>9,}  {name}")
    echo(*map(str, paths))


def with_erasure(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of an erasure to a command."""
    for option in (
        with_settings("database", "domain", "erasure_list"),
        json_option,
        click.option("--yes", is_flag=True, help="Do not ask for confirmation."),
        click.option("--dry-run", is_flag=True, help="Only list what would change."),
        with_selector,
    ):
        command = option(command)
    return command


@privacy.command(
    "erase",
    examples=[
        "headcount privacy erase --user anna --dry-run",
        "headcount privacy erase --attribute email=anna@example.com --yes",
    ],
)
@with_erasure
def erase(**options: Any) -> None:
    """Erase a person: IDs, names and attributes are removed, and a pseudonym stands for the person in each room.

    Meetings, times, counts and IDs of meetings stay. This cannot be undone. It also applies to backups that are restored later.
    """
    _erase("erase", **options)


@privacy.command("pseudonymize", examples=["headcount privacy pseudonymize --user anna --dry-run"])
@with_erasure
def pseudonymize(**options: Any) -> None:
    """Pseudonymize a person: like 'erase', but one pseudonym replaces the user ID in all rooms.

    The visits of the person can still be counted together. This cannot be undone.
    """
    _erase("pseudonymize", **options)


def _erase(
    mode: str, *, settings: Settings, user: str | None, participant: str | None, attribute: str | None, dry_run: bool,
    yes: bool, as_json: bool,
) -> None:  # fmt: skip
    from headcount.maintenance.erase import carry_out, wait_until_done  # noqa: PLC0415 - likewise
    from headcount.maintenance.erasure_preview import preview_erasure, request_erasure  # noqa: PLC0415 - help does not need it
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - likewise
    from headcount.store.data_subjects import parse_selector  # noqa: PLC0415 - likewise
    from headcount.store.erasures import Mode, State  # noqa: PLC0415 - likewise

    if len([one for one in (user, participant, attribute) if one is not None]) != 1:
        raise click.UsageError("Name the person by one of --user, --participant and --attribute")
    selector = parse_selector(user, participant, attribute)
    store = existing_store(settings, read_only=dry_run)
    try:
        clock = new_clock(store.log.end()[1])
        preview = preview_erasure(store, settings["domain"], selector, clock.now())
        if preview.holds and dry_run:
            numbers = ", ".join(str(hold.number) for hold in preview.holds)
            note(f"Legal holds prevent this: {numbers}. 'headcount privacy hold list' shows them.")
        if dry_run:
            _show_erasure({"mode": mode, "dry_run": True, "counts": preview.counts}, as_json=as_json)
            return
        if not any(preview.counts.values()):
            note(
                f"The domain '{settings['domain']}' has nothing about {selector.description} now."
                " The request also applies to backups and events that arrive later."
            )
        if store.erasure_list is not None:
            store.erasure_list.check()
        if not yes:
            click.confirm(
                f"{mode.capitalize()} {selector.description} in the domain '{settings['domain']}'"
                f" ({preview.counts['stays']:,} stays)? This cannot be undone",
                abort=True,
                err=True,
            )
        erasure = request_erasure(
            store, settings["domain"], selector, Mode(mode), clock.now(), "command line"
        )
        record_access(store, settings, settings["domain"], f"privacy.{mode}", selector.subject)
        is_alone = carry_out(store, settings, clock.now, _no_progress)
        erasure = wait_until_done(store, erasure, _PATIENCE_S)
        if is_alone:
            store.database.vacuum()
    finally:
        store.close()
    is_done = erasure.state is State.DONE
    found = {"number": erasure.number, "mode": mode, "dry_run": False, "state": erasure.state.value}
    _show_erasure({**found, "counts": erasure.counts}, as_json=as_json)
    if not is_done:
        raise BadInput(
            f"erasure {erasure.number} is not done yet: the engine of the running service carries it out."
            " 'headcount privacy erasures' shows its state"
        )
    if not is_alone:
        note(
            "The service is running. The files may contain remains of deleted rows until 'headcount privacy vacuum'."
        )


def _show_erasure(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit(found)
        return
    for name, number in found["counts"].items():
        echo(f"{number:>9,}  {name}")
    if found["dry_run"]:
        echo("Nothing was changed.")
    elif found["state"] == "done":
        echo(f"Erasure {found['number']} is done.")


def _no_progress(share: float, label: str) -> None:
    """Discard the progress."""


@privacy.command(
    "erasures",
    examples=[
        "headcount privacy erasures",
        "headcount privacy erasures --user anna",
        "headcount privacy erasures --json",
    ],
)
@with_selector
@json_option
@with_settings("database", "domain")
def erasures(
    *, settings: Settings, user: str | None, participant: str | None, attribute: str | None, as_json: bool
) -> None:
    """List the erasures of a domain. Done ones name nobody.

    To prove that somebody was erased, name the person by --user, --participant or --attribute: the hash is compared.
    """
    from headcount.store.data_subjects import parse_selector  # noqa: PLC0415 - help does not need it

    selector = None
    if any(one is not None for one in (user, participant, attribute)):
        selector = parse_selector(user, participant, attribute)
    store = existing_store(settings, read_only=True)
    domain = settings["domain"]
    found = store.erasures.all(domain) if selector is None else store.erasures.about(domain, selector)
    store.close()
    if as_json:
        emit(
            [
                {
                    "number": one.number,
                    "mode": one.mode.value,
                    "selected_by": one.kind.value,
                    "state": one.state.value,
                    "requested_at": rfc3339(one.requested),
                    "requested_by": one.requested_by,
                    "until": rfc3339(one.until),
                    "finished_at": rfc3339(one.finished),
                    "counts": one.counts,
                }
                for one in found
            ]
        )
        return
    rows = [
        [str(one.number), one.mode.value, one.kind.value, one.state.value, rfc3339(one.requested) or "", one.requested_by,
         f"{one.counts.get('entries', 0):,}"]
        for one in found
    ]  # fmt: skip
    if rows:
        table(["number", "mode", "selected by", "state", "requested", "by", "entries"], rows)
    elif selector is not None:
        echo(f"The domain '{domain}' has no erasure of {selector.description}.")
    else:
        echo("No erasures. 'headcount privacy erase --user ID --dry-run' shows what one would change.")


@privacy.command("vacuum", examples=["headcount privacy vacuum"])
@with_settings("database")
def vacuum(*, settings: Settings) -> None:
    """Remove the remains of deleted rows from the files of the database. Stop the server first.

    A database needs as much free disk space as it is large.
    """
    from headcount.store.leadership import leadership  # noqa: PLC0415 - help does not need it

    store = existing_store(settings)
    lead = leadership(store.database)
    try:
        lead.try_lead()
        store.database.vacuum()
    finally:
        lead.give_up()
        store.close()
    echo(f"Vacuumed {settings.database()}.")
