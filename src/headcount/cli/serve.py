"""Commands that run the server, and the options of settings for all commands."""

import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from headcount.cli.console import echo
from headcount.cli.group import main
from headcount.errors import HeadcountError
from headcount.settings import TABLE, Settings, read_settings

if TYPE_CHECKING:
    from headcount.server.server import Server
    from headcount.service.container import Service
    from headcount.store.open import Store


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option for every setting to a command, which gets `settings`."""

    @click.option(
        "--config", "config_file", metavar="FILE", envvar="HEADCOUNT_CONFIG", help="A TOML file of settings."
    )
    @wraps(command)
    def with_(*, config_file: str | None, **options: Any) -> None:
        flags = {setting.name: options.pop(setting.name) for setting in TABLE}
        command(settings=read_settings(flags, file=config_file), **options)

    for setting in reversed(TABLE):
        text = f"{setting.help}  [default: {setting.default}]"
        with_ = click.option(setting.flag, setting.name, metavar="VALUE", help=text)(with_)
    return with_


def database_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add the option --database to a command, which gets `settings`."""

    @click.option("--database", metavar="URL", help="Database: a file, or postgresql://…")
    @click.option(
        "--config", "config_file", metavar="FILE", envvar="HEADCOUNT_CONFIG", help="A TOML file of settings."
    )
    @wraps(command)
    def with_(*, database: str | None, config_file: str | None, **options: Any) -> None:
        command(settings=read_settings({"database": database}, file=config_file), **options)

    return with_


@main.command()
@with_settings
def serve(*, settings: Settings) -> None:
    """Run the Headcount server."""
    from headcount.service.access import create_first_key, create_sign_in_link  # noqa: PLC0415 - help does not need it
    from headcount.store.credentials import Role  # noqa: PLC0415 - likewise

    with _serving(settings) as (service, server):
        first, database = (
            create_first_key(service.store, settings["domain"], service.clock),
            settings.shown("database"),
        )
        _announce(
            settings,
            f"Headcount serves {database} on {server.url}",
            database=database,
            url=server.url,
        )
        if first is not None:
            key, text = first
            _announce(
                settings,
                f"The first API key of domain '{key.domain}', shown this once:\n\n  {text}\n",
                domain=key.domain,
                first_key=text,
            )
        url = settings["public_url"] or server.url
        link = create_sign_in_link(service.store, url, settings["domain"], Role.ADMIN, service.clock)
        _announce(
            settings,
            f"The dashboard, by a link that is good once, within the hour:\n\n  {link}\n",
            sign_in_link=link,
        )
        _run(server.run_until_stopped())


@main.command()
@with_settings
@click.option(
    "--speed",
    type=click.FloatRange(min=0.1, max=60),
    default=1.0,
    show_default=True,
    help="Speed of the simulated rooms.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the generated data.")
@click.option(
    "--days",
    type=click.IntRange(0, 60),
    default=7,
    show_default=True,
    help="Days of generated history.",
)
@click.option("--remove", is_flag=True, help="Delete the domain 'demo' from the store, and exit.")
def demo(*, settings: Settings, speed: float, seed: int, days: int, remove: bool) -> None:
    """Run the server with generated demo data.

    Everything is in the domain 'demo' of the store.
    """
    from headcount.demo.run import DemoRun, name_of, remove_demo, remove_other_data  # noqa: PLC0415 - only this command needs it

    if remove:
        remove_demo(settings)
        echo("The domain 'demo' is deleted.")
        return
    remove_other_data(settings, name_of(seed, speed, days))
    with _serving(settings) as (service, server):
        run = DemoRun(service, speed=speed, seed=seed, days=days)
        run.prepare(echo)
        echo(*run.greeting(server.url).split("\n"))
        _run(run.serve(server))


@main.command()
@with_settings
def config(*, settings: Settings) -> None:
    """Show every setting with its value and origin."""
    width = max(len(setting.name) for setting in TABLE)
    for setting in TABLE:
        value = settings.shown(setting.name)
        echo(f"{setting.name:<{width}}  {value:<24}  {settings.origins[setting.name]:<28}  {setting.help}")


def _announce(settings: Settings, sentence: str, **what: str) -> None:
    """Print a message to the operator, in the form of the log."""
    if settings["log_format"] != "json":
        echo(*sentence.split("\n"), err=True)
        return
    from headcount.telemetry.logging import as_json  # noqa: PLC0415 - help does not need it

    echo(as_json(sentence.partition("\n")[0].rstrip(":"), **what), err=True)


@contextmanager
def _serving(settings: Settings) -> "Iterator[tuple[Service, Server]]":
    """Yield a started service and its server; stop both afterwards."""
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
        finally:
            service.stop()
    except HeadcountError as error:
        if settings["log_format"] != "json":
            raise
        echo(as_json(str(error), level="critical"), err=True)
        sys.exit(2)


def store_of(settings: Settings, *, read_only: bool = False) -> "Store":
    """Return the store of the settings."""
    from headcount.store.open import open_store  # noqa: PLC0415 - help does not need it

    return open_store(settings["database"], read_only=read_only)


def audit(settings: Settings) -> None:
    """Set up the security log for a command that changes access."""
    from headcount.telemetry.logging import set_actor, set_up_logging  # noqa: PLC0415 - help does not need it

    set_up_logging(settings["log_level"], settings["log_format"])
    set_actor(via="cli")


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end, on uvloop where that exists."""
    import asyncio  # noqa: PLC0415 - commands on files do not need it

    factory = None
    if sys.platform != "win32":
        import uvloop  # noqa: PLC0415 - not everywhere

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work)
