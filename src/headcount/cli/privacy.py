"""Commands about the data of a person.

Responsible for their options and output. Must not know how people are found: `store.data_subjects` does.
"""

from collections.abc import Callable
from pathlib import Path

import click

from headcount.cli.console import echo, emit, json_option
from headcount.cli.group import Group, main
from headcount.cli.options import existing_store, with_settings
from headcount.errors import BadInput
from headcount.settings import Settings


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
@with_settings("database", "domain")
def export_person(
    *, settings: Settings, user: str | None, participant: str | None, attribute: str | None, out: str, as_json: bool
) -> None:  # fmt: skip
    """Export everything that is stored about a person.

    Name the person by one of --user, --participant and --attribute. The export has one JSON file, a CSV file for each table,
    and a description of all columns. Data of other people is excluded.
    """
    from headcount.maintenance.person_export import PersonExport, write_person  # noqa: PLC0415 - help does not need it
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - likewise
    from headcount.store.data_subjects import parse_selector  # noqa: PLC0415 - likewise

    if len([one for one in (user, participant, attribute) if one is not None]) != 1:
        raise click.UsageError("Name the person by one of --user, --participant and --attribute")
    selector = parse_selector(user, participant, attribute)
    store = existing_store(settings, read_only=True)
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
    if as_json:
        emit({**export.head(), "rows": dict(export.counts), "files": [str(path) for path in paths]})
        return
    for name, number in export.counts.items():
        echo(f"{number:>9,}  {name}")
    echo(*map(str, paths))
