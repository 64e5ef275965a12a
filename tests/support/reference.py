"""Generated parts of the reference pages: the table of settings, and the commands.

`make docs-reference` rewrites the parts between `<!-- generated -->` and `<!-- end -->`; a test compares them.
"""

import re
from pathlib import Path

import click

from headcount.cli import main
from headcount.cli.group import SECTIONS, SettingOption, help_text
from headcount.settings import TABLE, Setting

ROOT = Path(__file__).parents[2]
SETTINGS = ROOT / "docs/reference/settings.md"
CLI = ROOT / "docs/reference/cli.md"
_DEFAULT = re.compile(r"\s*\[(?:default: (.*)|required|variable: .*)\]$", re.DOTALL)
_GENERATED = re.compile(r"(?<=<!-- generated -->\n).*?(?=<!-- end -->)", re.DOTALL)


def settings_table() -> str:
    """Return the table of all settings."""
    head = "| Setting | Flag | Variable | Type | Default | Description |\n|---|---|---|---|---|---|\n"
    return f"\n{head}{''.join(map(_setting_row, TABLE))}\n"


def _setting_row(setting: Setting) -> str:
    kind = setting.kind
    type_ = f"{kind.type}: {kind.limits}" if kind.limits else kind.type
    default = f"`{setting.show(setting.default)}`" if setting.default != "" else "none"
    return f"| `{setting.name}` | `{setting.flag}` | `{setting.variable}` | {type_} | {default} | {setting.help}. |\n"


def leaf_commands(group=main, words=("headcount",)):
    """Yield the words of each command that is not hidden, and the command, in the order of the help."""
    main.load_all()
    names = (
        [name for section in SECTIONS.values() for name in section] if group is main else list(group.commands)
    )
    for name in names:
        command = group.commands.get(name)
        if isinstance(command, click.Group):
            yield from leaf_commands(command, (*words, name))
        elif command is not None:
            yield (*words, name), command


def commands_reference() -> str:
    """Return the sections of all commands."""
    parts, groups = [], dict.fromkeys(SECTIONS)
    by_section = {section: [] for section in groups}
    for words, command in leaf_commands():
        section = next(title for title, names in SECTIONS.items() if words[1] in names)
        by_section[section].append(_command(words, command))
    for section, commands in by_section.items():
        parts += [f"\n## {section}\n", *commands]
    return "".join(parts) + "\n"


def _command(words, command) -> str:
    with click.Context(command, info_name=" ".join(words)) as context:
        usage = " ".join([*words, *command.collect_usage_pieces(context)])
        rows = [_option_row(option, context) for option in command.params if type(option) is click.Option]
    flags = [option.opts[-1] for option in command.params if isinstance(option, SettingOption)]
    lines = [f"\n### {' '.join(words)}\n", *(f"{part}\n" for part in _paragraphs(command.help or ""))]
    lines.append(f"```text\n{usage}\n```\n")
    if rows:
        lines.append("| Option | Value | Default | Description |\n|---|---|---|---|\n" + "".join(rows))
    if len(flags) == len(TABLE) + 1:
        lines.append("It takes the flags of all [settings](settings.md).\n")
    elif flags:
        lines.append(
            f"[Settings](settings.md) as flags:\n\n- {f'{chr(10)}- '.join(f'`{flag}`' for flag in flags)}\n"
        )
    if getattr(command, "examples", ()):
        lines.append("```shell\n" + "\n".join(command.examples) + "\n```\n")
    return "\n".join(lines)


def _paragraphs(text):
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]


def _option_row(option, context) -> str:
    record = option.get_help_record(context)
    if record is None:
        return ""
    names = ", ".join(f"`{name}`" for name in option.opts)
    text = help_text(record[1])
    default = _DEFAULT.search(text)
    if isinstance(option.type, click.Choice):
        value = ", ".join(f"`{choice}`" for choice in option.type.choices)
    else:
        value = "" if option.is_flag else option.metavar or option.type.name.upper()
    shown = (
        f"`{default[1]}`"
        if default and default[1]
        else "required"
        if default and "required" in default[0]
        else ""
    )
    return f"| {names} | {value} | {shown} | {_DEFAULT.sub('', text).replace('|', '/')} |\n"


def current_page(page) -> str:
    """Return a page with its generated part replaced."""
    table = settings_table if page == SETTINGS else commands_reference
    return _GENERATED.sub(lambda _: table(), page.read_text())


if __name__ == "__main__":
    for page in (SETTINGS, CLI):
        page.write_text(current_page(page))
