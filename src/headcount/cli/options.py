"""Options that several commands share, and the store that the settings name.

Responsible for which settings a command takes as flags, and for refusing a database that does not exist: only `serve`, `demo`,
`import` and `restore` create one.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from headcount.cli.console import note
from headcount.cli.group import QUIET, VERBOSE, SettingOption
from headcount.errors import BadInput, HeadcountError
from headcount.settings import TABLE, Setting, Settings, read_settings

if TYPE_CHECKING:
    from headcount.store.open import Store


def with_settings(
    *names: str, reads_secrets: bool = True
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add `--config` and the flags of these settings to a command, which gets `settings`.

    A command that opens a store needs its encryption keys, unless it is not `reads_secrets`.
    """
    if "database" in names and "encryption_key_file" not in names and reads_secrets:
        names = (*names, "encryption_key_file")

    def add_options(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def with_(*, config_file: str | None, **options: Any) -> None:
            flags = {name: options.pop(name) for name in names}
            command(settings=read_settings(flags | _log_level(flags), file=config_file), **options)

        decorated: Callable[..., None] = with_
        chosen = [setting for setting in TABLE if setting.name in names]
        for setting in reversed(chosen):
            decorated = _option(setting)(decorated)
        return click.option(
            "--config", "config_file", cls=SettingOption, metavar="FILE", envvar="HEADCOUNT_CONFIG",
            help="TOML file of settings.  [variable: HEADCOUNT_CONFIG]",
        )(decorated)  # fmt: skip

    return add_options


def _option(setting: Setting) -> Callable[[Callable[..., None]], Callable[..., None]]:
    default = setting.show(setting.default) or "none"
    return click.option(
        setting.flag, setting.name, cls=SettingOption, metavar=setting.kind.metavar,
        help=f"{setting.help}.  [default: {default}]",
    )  # fmt: skip


def _log_level(flags: dict[str, Any]) -> dict[str, Any]:
    """Return the log level that --verbose or --quiet selects, unless --log-level does."""
    meta = click.get_current_context().meta
    level = "debug" if meta.get(VERBOSE) else "error" if meta.get(QUIET) else None
    return {} if level is None or flags.get("log_level") is not None else {"log_level": level}


def existing_store(settings: Settings, *, read_only: bool = False) -> "Store":
    """Return the store of the settings, and name it if it is going to be changed. Raise `BadInput` if there is none."""
    require_store(settings, read_only=read_only)
    return configured_store(settings, read_only=read_only)


def configured_store(settings: Settings, *, read_only: bool = False) -> "Store":
    """Return the store of the settings, which is created if there is none."""
    from headcount.store.open import open_store  # noqa: PLC0415 - help does not need it

    return open_store(
        settings["database"],
        durability=settings["durability"],
        read_only=read_only,
        keyring=settings.keyring(),
        erasure_list=settings["erasure_list"],
    )


def with_topic(store: "Store", settings: Settings) -> "Store":
    """Return the store with the log of the settings. Raise `BadInput` if nothing would process what is appended to it."""
    from headcount.service.logs import kafka_log  # noqa: PLC0415 - only some commands append
    from headcount.store.shard_sink import ShardSink  # noqa: PLC0415 - likewise

    topic = settings.topic()
    if topic is not None:
        cell = ShardSink(store.database).cell()
        log = kafka_log(store.database, topic, settings["request_timeout_s"], lambda: cell)
        return replace(store, log=log)
    if ShardSink(store.database).progress() is not None:
        raise BadInput(
            "a live query on a cluster processes the events of this database: name its topic with --log kafka://HOST:PORT/TOPIC"
        )
    return store


def require_store(settings: Settings, *, read_only: bool = False, damaged: bool = False) -> None:
    """Raise `BadInput` if the database of the settings has no store. Name it unless `read_only`.

    A store that is damaged or cannot be opened raises its error, unless `damaged`.
    """
    from headcount.store.open import has_store  # noqa: PLC0415 - help does not need it

    try:
        found = has_store(settings["database"])
    except HeadcountError:
        if not damaged:
            raise
        found = True
    if not found:
        origin = settings.origins["database"]
        chosen = "the default, in the current directory" if origin == "default" else f"set by {origin}"
        raise BadInput(
            f"there is no Headcount database at {settings.database()} ({chosen})."
            " Name the server's database with --database or HEADCOUNT_DATABASE. 'headcount serve' creates a new one"
        )
    if not read_only:
        name_database(settings)


def name_database(settings: Settings) -> None:
    """Print the database that a command changes, to standard error."""
    note(f"Database: {settings.database()}")


def audit(settings: Settings) -> None:
    """Set up the security log for a command that changes access."""
    from headcount.telemetry.logging import set_actor, set_up_logging  # noqa: PLC0415 - help does not need it

    set_up_logging(settings["log_level"], settings["log_format"])
    set_actor(via="cli")


def record_access(
    store: "Store", settings: Settings, domain: str, action: str, subject: tuple[str, str] | None = None
) -> None:
    """Record in the access log what this command did to a subject, which is a type and an id."""
    from headcount.service.access_log import record_command  # noqa: PLC0415 - help does not need it
    from headcount.service.runtime import new_clock  # noqa: PLC0415 - likewise
    from headcount.store.access_log import Action, Subject, SubjectType  # noqa: PLC0415 - likewise

    if settings["access_log"] == "on":
        command = f"headcount {click.get_current_context().command_path.partition(' ')[2]}"
        about = None if subject is None else Subject(SubjectType(subject[0]), subject[1])
        record_command(store, new_clock().now(), domain, Action(action), command, about)


def record_read(settings: Settings, action: str, subject: tuple[str, str] | None = None) -> None:
    """Record what a command did that reads the database only. Print a note if the database cannot be written."""
    from headcount.store.database import StoreError  # noqa: PLC0415 - help does not need it
    from headcount.store.open import open_store  # noqa: PLC0415 - likewise

    if settings["access_log"] != "on":
        return
    try:
        store = open_store(settings["database"], keyring=settings.keyring())
    except StoreError as error:
        note(f"The access log does not have this command: {error}")
        return
    record_access(store, settings, settings["domain"], action, subject)
    store.close()


def base_url(settings: Settings) -> str:
    """Return the URL under which clients reach the server."""
    from headcount.settings import url_of  # noqa: PLC0415 - help does not need it

    url: str = settings["public_url"]
    return url or url_of(settings["host"], settings["port"])
