"""The dashboards of deploy/grafana, and their queries with the variables and macros replaced as Grafana does it."""

import json
import re
from typing import NamedTuple

from support import ROOT

FOLDER = ROOT / "deploy/grafana"
BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "dashboards").glob("*.json"))}
VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::\w+)?\})")


class Query(NamedTuple):
    """A query of a dashboard, where it is, and the text of its legend."""

    place: str
    text: str
    legend: str


def panels(board):
    """Return the panels without rows."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def panel_queries(board, key):
    """Return the queries of panels; `key` is where a target has its text."""
    return [
        Query(f"{panel['title']}, {target['refId']}", target[key], target.get("legendFormat", ""))
        for panel in panels(board)
        for target in panel.get("targets", ())
    ]


def variables(board):
    return {variable["name"]: variable for variable in board["templating"]["list"]}


def with_variables(text, values):
    """Return the text with each variable replaced. One without a value is an error."""
    return VARIABLE.sub(lambda found: values[found[1] or found[2]], text)
