"""Generated parts of the reference pages: the table of settings.

`python tests/support/reference.py` rewrites the parts between `<!-- generated -->` and `<!-- end -->`; a test compares them.
"""

import re
from pathlib import Path

from headcount.settings import TABLE, Setting

ROOT = Path(__file__).parents[2]
SETTINGS = ROOT / "docs/reference/settings.md"
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


def current_settings_page() -> str:
    """Return the page of settings with its generated part replaced."""
    return _GENERATED.sub(lambda _: settings_table(), SETTINGS.read_text())


if __name__ == "__main__":
    SETTINGS.write_text(current_settings_page())
