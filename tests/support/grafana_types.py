"""The dashboards as TypeScript, to be compiled with the types that Grafana publishes of its dashboards and panels."""

import json

KINDS = {
    "timeseries": "TimeSeries",
    "stat": "Stat",
    "table": "Table",
    "state-timeline": "StateTimeline",
    "barchart": "BarChart",
    "bargauge": "BarGauge",
    "piechart": "PieChart",
}
"""Each kind of panel, and the name of its types."""
_WITHOUT_FIELD_CONFIG = {"stat", "bargauge", "piechart"}
_OF_DATA_SOURCES = {"definition", "expr", "step", "textFormat", "titleFormat", "useValueForTime"}
"""Keys of variables and annotations that data sources define."""
_PLAIN = """type Plain<T> = T extends string ? `${T}` : T extends number | boolean | null | undefined ? T
  : T extends (infer U)[] ? Plain<U>[] : T extends object ? { [K in keyof T]?: Plain<T[K]> } : T;
"""
"""JSON has texts in place of enumerations, and may leave out what has a default."""


def as_typescript(boards):
    """Return a module with constants of Grafana's types. An unknown key or value does not compile."""
    lines = ['import type { Dashboard, Panel, RowPanel } from "@grafana/schema";']
    for kind, name in KINDS.items():
        folder = f"@grafana/schema/dist/esm/raw/composable/{kind.replace('-', '')}/panelcfg/x"
        lines.append(f'import type * as {name} from "{folder}/{name}PanelCfg_types.gen";')
    constants = [constant for board in boards for constant in _of_board(board)]
    lines += [
        f"export const c{n}: Plain<{name}> = {json.dumps(value)};"
        for n, (name, value) in enumerate(constants)
    ]
    return "\n".join([*lines[: -len(constants)], _PLAIN, *lines[-len(constants) :], ""])


def _of_board(board):
    """Yield type and value of a dashboard and of the parts of its panels."""
    without = {
        key: value for key, value in board.items() if key not in {"panels", "templating", "annotations"}
    }
    for key in ("templating", "annotations"):
        entries = [
            {name: value for name, value in entry.items() if name not in _OF_DATA_SOURCES}
            for entry in board[key]["list"]
        ]
        without[key] = {"list": entries}
    yield "Dashboard", without
    for panel in board["panels"]:
        if panel["type"] == "row":
            yield "RowPanel", panel
            continue
        name, defaults = KINDS[panel["type"]], dict(panel["fieldConfig"]["defaults"])
        custom = defaults.pop("custom", None)
        yield "Panel", panel | {"options": {}, "fieldConfig": panel["fieldConfig"] | {"defaults": defaults}}
        yield f"{name}.Options", panel["options"]
        if panel["type"] not in _WITHOUT_FIELD_CONFIG:
            yield f"{name}.FieldConfig", custom
