"""Commands that run the server, and what they print at the start."""

import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import click

from headcount.cli.console import echo, emit, json_option, note, table
from headcount.cli.group import main
from headcount.cli.options import base_url, existing_store, record_access, with_settings
from headcount.errors import CannotWrite, HeadcountError
from headcount.settings import TABLE, Settings

if TYPE_CHECKING:
    from headcount.server.server import Server
    from headcount.service.access import Access
    from headcount.service.container import Service

_ALL = tuple(setting.name for setting in TABLE)


@main.command(
    examples=[
        "headcount serve",
        "headcount serve --database /var/lib/headcount/headcount.db --port 8080 --public-url https://headcount.example",
        "headcount serve --config /etc/headcount.toml",
    ]
)
@with_settings(*_ALL)
def serve(*, settings: Settings) -> None:
    """Run the Headcount server.

    It creates the database if there is none. At each start, it creates a one-time sign-in link for the dashboard; at the first start,
    also an API key with the admin scope. Both are printed if standard error is a terminal. Otherwise they are written to
    a file that only its owner can read. The output names the file.
    """
    from headcount.service.access import declare_key, initial_access  # noqa: PLC0415 - help does not need it
    from headcount.store.credentials import key_id_of  # noqa: PLC0415 - likewise

    with _serving(settings) as (service, server):
        if settings.admin_key is not None:
            declared = declare_key(service.store, settings["domain"], settings.admin_key, service.clock)
            if declared is not None:
                record_access(service.store, settings, declared.domain, "key.create", ("key", declared.id))
        access = initial_access(
            service.store, settings["domain"], settings["public_url"] or server.url, service.clock
        )
        record_access(service.store, settings, access.domain, "sign_in_link.create")
        if access.key:
            record_access(
                service.store, settings, access.domain, "key.create", ("key", key_id_of(access.key))
            )
        database = settings.database()
        _announce(settings, f"Headcount serves {database} on {server.url}", database=database, url=server.url)
        _announce_access(settings, access)
        _run(server.run_until_stopped())


@main.command(
    examples=[
        "headcount demo",
        "headcount demo --database demo.db --days 30 --speed 10",
        "headcount demo --database demo.db --remove",
    ]
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0.1, max=60),
    default=1.0,
    metavar="FACTOR",
    help="Speed of the live rooms, from 0.1 to 60.  [default: 1]",
)
@click.option("--seed", type=int, default=1, metavar="N", help="Seed of the generated data.  [default: 1]")
@click.option(
    "--days",
    type=click.IntRange(0, 60),
    default=7,
    metavar="N",
    help="Days of generated history, from 0 to 60.  [default: 7]",
)
@click.option("--remove", is_flag=True, help="Delete the demo data from the database and exit.")
@with_settings(*(name for name in _ALL if name != "domain"))
def demo(*, settings: Settings, speed: float, seed: int, days: int, remove: bool) -> None:
    """Run the server with generated demo data.

    The demo data consists of meetings of the past days and of live rooms. All are in the domain 'demo' of the database.
    """
    from headcount.demo.run import DemoRun, name_of, remove_demo, remove_other_data  # noqa: PLC0415 - only this command needs it

    if remove:
        existing_store(settings).close()
        remove_demo(settings)
        echo("Deleted the domain 'demo'.")
        return
    remove_other_data(settings, name_of(seed, speed, days))
    with _serving(settings) as (service, server):
        run = DemoRun(service, speed=speed, seed=seed, days=days)
        note(f"Generating {days} days of demo data ...")
        access = run.prepare(server.url)
        if sys.stderr.isatty():
            echo(*run.greeting(server.url, access), err=True)
        else:
            _announce(settings, f"Headcount serves demo data on {server.url}", url=server.url)
            _announce_access(settings, access)
        _run(run.serve(server))


@main.command(examples=["headcount config", "headcount config --config /etc/headcount.toml --json"])
@json_option
@with_settings("database")
def config(*, settings: Settings, as_json: bool) -> None:
    """Show every setting and declared source with its value and its origin."""
    from headcount.ingest.declared_sources import declared_sources  # noqa: PLC0415 - help does not need it

    sources = [
        (f"sources.{one.row.name}", f"{one.row.kind}, domain {one.row.domain}", one.origin)
        for one in declared_sources(settings)
    ]
    if as_json:
        emit(
            [
                {
                    "name": setting.name,
                    "value": settings.shown(setting.name)
                    if isinstance(setting.default, str)
                    else settings[setting.name],
                    "origin": settings.origins[setting.name],
                    "flag": setting.flag,
                    "variable": setting.variable,
                }
                for setting in TABLE
            ]
            + [
                {"name": name, "value": value, "origin": origin, "flag": None, "variable": None}
                for name, value, origin in sources
            ]
        )
        return
    table(
        ("setting", "value", "origin", "description"),
        [
            (
                setting.name,
                settings.shown(setting.name) or "none",
                settings.origins[setting.name],
                setting.help,
            )
            for setting in TABLE
        ]
        + [(*source, "Declared source") for source in sources],
    )


@main.command(
    "login-link",
    examples=["headcount login-link", "headcount login-link --domain acme --viewer"],
)
@click.option("--viewer", is_flag=True, help="Read-only access instead of admin access.")
@json_option
@with_settings("database", "domain", "host", "port", "public_url")
def login_link(*, settings: Settings, viewer: bool, as_json: bool) -> None:
    """Print a one-time sign-in link for the dashboard, valid for 1 hour."""
    from headcount.cli.options import audit  # noqa: PLC0415 - help does not need it
    from headcount.service.access import create_sign_in_link  # noqa: PLC0415 - likewise
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - likewise
    from headcount.store.credentials import Role  # noqa: PLC0415 - likewise

    audit(settings)
    store = existing_store(settings)
    role = Role.VIEWER if viewer else Role.ADMIN
    link = create_sign_in_link(store, base_url(settings), settings["domain"], role, new_clock())
    record_access(store, settings, settings["domain"], "sign_in_link.create")
    store.close()
    if as_json:
        emit({"url": link, "domain": settings["domain"], "role": str(role)})
    else:
        echo(link)


def _announce_access(settings: Settings, access: "Access") -> None:
    """Print secrets to a terminal; otherwise write them to a file and name it, because logs are stored and shared."""
    from headcount.service.access import access_file, write_access_file  # noqa: PLC0415 - help does not need it

    if sys.stderr.isatty():
        if access.key:
            echo("", f"API key of domain '{access.domain}' (admin scope), shown only once:", err=True)
            echo("", f"  {access.key}", err=True)
        echo("", "One-time sign-in link of the dashboard, valid for 1 hour:", err=True)
        echo("", f"  {access.sign_in_link}", "", err=True)
        return
    file = access_file(settings["database"], os.environ)
    try:
        write_access_file(file, access)
    except CannotWrite as error:  # a server on PostgreSQL may have no directory of its own
        _announce(
            settings,
            f"{error}. Create a sign-in link with 'headcount login-link', and an API key with 'headcount key create'",
        )
        return
    secrets = "The API key and the sign-in link are" if access.key else "A sign-in link is"
    _announce(settings, f"{secrets} in {file}", access_file=str(file))


def _announce(settings: Settings, sentence: str, **context: str) -> None:
    """Print a message to the operator, in the form of the log."""
    if settings["log_format"] != "json":
        echo(sentence, err=True)
        return
    from headcount.telemetry.logging import as_json  # noqa: PLC0415 - help does not need it

    echo(as_json(sentence, **context), err=True)


@contextmanager
def _serving(settings: Settings) -> "Iterator[tuple[Service, Server]]":
    """Yield a started service and its server; stop both afterwards."""
    signal.signal(signal.SIGTERM, _end)
    from headcount.server.server import Server  # noqa: PLC0415 - likewise
    from headcount.service.container import Service  # noqa: PLC0415 - likewise
    from headcount.telemetry.logging import as_json, set_up_logging  # noqa: PLC0415 - help does not need it

    set_up_logging(settings["log_level"], settings["log_format"])
    try:
        service = Service(settings)
        try:
            server = Server(service)
            service.start()
            yield service, server
            service.require_engine()
        finally:
            service.stop()
    except HeadcountError as error:
        if settings["log_format"] != "json":
            raise
        echo(as_json(str(error), level="critical"), err=True)
        sys.exit(2)


def _end(*_: object) -> NoReturn:
    """End a start that is in progress. The first process of a container ignores signals without a handler."""
    raise SystemExit(0)


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end, on uvloop where that exists."""
    import asyncio  # noqa: PLC0415 - commands on files do not need it

    factory = None
    if sys.platform != "win32":
        import uvloop  # noqa: PLC0415 - not everywhere

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work)
