"""Root command, and the form of all commands: help in sections, common options, errors and exit codes.

Responsible for the mapping of errors to one line and an exit code. Must not know what commands do.
"""

import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import click

from headcount.cli.console import echo
from headcount.errors import BadInput, HeadcountError
from headcount.kernel.rules import InvalidRules

_BAD = 2
_INTERRUPTED = 130
_WIDTH: Final = 100
"""Help is wrapped at the width of the terminal, and at this width in a wide one."""
SECTIONS: Final = {
    "Run": ("serve", "demo", "mcp", "login-link", "cluster"),
    "Files": ("sessionize", "attendance", "explain", "timeline"),
    "Data": ("import", "export", "backup", "restore", "rebuild", "migrate"),
    "Administration": ("key", "source", "webhook", "privacy", "encryption", "config"),
    "Diagnose": ("doctor",),
    "Shell": ("completion",),
}
"""Commands in the order of the help. Commands that are not listed are hidden."""
MODULES: Final = {
    "sessionize": ("files",),
    "explain": ("files",),
    "timeline": ("files",),
    "tour": ("files",),
    "attendance": ("attendance",),
    "serve": ("serve",),
    "demo": ("serve",),
    "mcp": ("mcp",),
    "login-link": ("serve",),
    "config": ("serve",),
    "cluster": ("cluster",),
    "import": ("transfer",),
    "export": ("exports",),
    "backup": ("store",),
    "restore": ("store",),
    "rebuild": ("store",),
    "migrate": ("store",),
    "doctor": ("store",),
    "key": ("keys",),
    "source": ("sources", "polling"),
    "webhook": ("webhooks", "webhook_deliveries", "webhook_listen"),
    "privacy": ("privacy", "privacy_access", "privacy_retention"),
    "encryption": ("encryption",),
    "completion": ("completion",),
}
"""The modules of each command, which are imported when it is needed: a command must answer at once."""
_RANGE: Final = re.compile(r"(; |\s*\[)([\d.,]+<=x(<=[\d.,]+)?|x>=[\d.,]+)(?=\])\]?")
_SENTENCES: Final = ("Got ", "Invalid ", "Missing ", "No such ", "Option ", "There ")
"""Beginnings of messages, which continue a line here."""
QUIET: Final = "headcount.quiet"
VERBOSE: Final = "headcount.verbose"


class SettingOption(click.Option):
    """Option that overrides a setting."""


class CommonOption(click.Option):
    """Option that every command has."""


class Command(click.Command):
    """Command with examples, the common options, and settings apart from its own options."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)
        takes_dashes = self.context_settings.get("ignore_unknown_options", False)
        known = {name for param in self.params for name in param.opts}
        self.params += [
            option for option in _common_options(short=not takes_dashes) if known.isdisjoint(option.opts)
        ]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        settings = [one for one in options if isinstance(one, SettingOption)]
        common = [one for one in options if isinstance(one, CommonOption) or "--help" in one.opts]
        own = [one for one in options if one not in settings and one not in common]
        for title, some in (("Options", own), ("Settings", settings), ("Common options", common)):
            records = [
                (record[0], help_text(record[1])) for one in some if (record := one.get_help_record(ctx))
            ]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{example}\n")


def help_text(text: str) -> str:
    """Return the help of an option without the range that click adds: the text names it in words."""
    return _RANGE.sub("", text)


class Group(click.Group):
    """Group of commands. Without a command it prints its help; an unknown command suggests the closest one."""

    command_class = Command
    group_class = type

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            echo(*ctx.get_help().split("\n"))
            ctx.exit(0)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            from headcount.settings import suggest  # noqa: PLC0415 - only an error needs it

            raise click.UsageError(
                f"There is no command '{name}'{suggest(name, self.list_commands(ctx))}", ctx
            )
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return [name for name, command in self.commands.items() if not command.hidden]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - likewise
        for title, names in self.sections().items():
            rows = [(name, self.commands[name].get_short_help_str(limit=1_000)) for name in names]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def sections(self) -> dict[str, list[str]]:
        """Return the names of the commands by section."""
        return {"Commands": [name for name, command in self.commands.items() if not command.hidden]}


class _Headcount(Group):
    """Root command. It loads commands when they are needed, and maps errors to a message and an exit code."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for module in MODULES.get(cmd_name, ()):
            import_module(f"headcount.cli.{module}")
        return super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        self.load_all()
        return super().list_commands(ctx)

    def load_all(self) -> None:
        """Load all commands, which the help and completion list."""
        for modules in MODULES.values():
            for module in modules:
                import_module(f"headcount.cli.{module}")

    def sections(self) -> dict[str, list[str]]:
        self.load_all()
        return {title: list(names) for title, names in SECTIONS.items()}

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            _report(_usage(error))
            raise click.exceptions.Exit(_BAD) from error

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _discard_output()
            ctx.exit(0)
        except KeyboardInterrupt:
            ctx.exit(_INTERRUPTED)
        except click.UsageError as error:
            _report(_usage(error))
            ctx.exit(_BAD)
        except (HeadcountError, InvalidRules) as error:
            _report(_sentence(error))
            ctx.exit(_BAD)


def _common_options(*, short: bool) -> list[click.Option]:
    """Return the options of every command; without `short`, only their long names."""
    quiet, verbose = (["-q"], ["-v"]) if short else ([], [])
    return [
        CommonOption([*quiet, "--quiet"], is_flag=True, expose_value=False, callback=_set(QUIET), help="Print results and errors only."),
        CommonOption([*verbose, "--verbose"], is_flag=True, expose_value=False, callback=_set(VERBOSE), help="Set the log level to debug."),
        CommonOption(["--no-color"], is_flag=True, expose_value=False, callback=_no_color, help="Print no colors; the variable NO_COLOR does the same."),
    ]  # fmt: skip


def _set(name: str) -> Any:
    def store(ctx: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
        ctx.meta[name] = ctx.meta.get(name) or value

    return store


def _no_color(_: click.Context, __: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
    if value:
        os.environ["NO_COLOR"] = "1"


def _discard_output() -> None:
    """Discard output that is still buffered: the reader of the pipe has closed it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report(message: str) -> None:
    echo(f"headcount: {message}", err=True)


def _usage(error: click.UsageError) -> str:
    command = error.ctx.command_path if error.ctx is not None else "headcount"
    message = error.format_message().rstrip(".")
    end = "" if message.endswith("?") else "."
    if message.startswith(_SENTENCES):
        message = f"{message[:1].lower()}{message[1:]}"
    return f"{message}{end} See '{command} --help'"


def _sentence(error: Exception) -> str:
    if isinstance(error, BadInput) and error.place:
        return f"{error}. Use --skip-invalid to skip such rows."
    return str(error)


@click.group(
    "headcount",
    cls=_Headcount,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": _WIDTH},
)
@click.version_option(None, "-V", "--version", package_name="headcount", message="%(prog)s %(version)s")
def main() -> None:
    """Derive meeting sessions from the join and leave events of video rooms.

    'headcount COMMAND --help' describes a command. Settings can also be set by environment variables and
    in a TOML file.
    """
