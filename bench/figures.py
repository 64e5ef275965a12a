"""Key figures: each with its target and its value before (commit a21cd89, two quiet cores).

    python bench/figures.py [--clear]

A benchmark calls `record` with each figure that it measures. This command prints all of them as one table; with
`--clear` it forgets them first. A target is a minimum or a maximum.
"""

import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

STORE = Path(os.environ.get("FIGURES") or Path(__file__).parent.parent / "build/bench/figures.json")


class Figure(NamedTuple):
    """What is measured, its value before, and its target: at least or at most `bar`."""

    what: str
    before: str
    bar: float
    unit: str = ""
    at_least: bool = False

    def met(self, value: float) -> bool:
        return value >= self.bar if self.at_least else value <= self.bar


def _at_least(what: str, before: str, bar: float, unit: str = "") -> Figure:
    return Figure(what, before, bar, unit, at_least=True)


FIGURES = {
    "first_command": Figure("first `sessionize` of a small file, new environment, no caches", "25–30", 0.5, "CPU-s"),
    "warm_command": Figure("`sessionize` of a small file, again", "0.88", 0.35, "CPU-s"),
    "run_s": Figure("`make run` in a fresh clone, to the printed link", "50–120", 40, "s"),
    "run_mb": Figure("packages that `make run` installs", "1,500", 250, "MB"),
    "install_s": Figure("`pip install headcount` from local wheels", "–", 30, "s"),
    "install_mb": Figure("packages of a plain installation", "66", 60, "MB"),
    "uvx_demo": Figure("`uvx headcount demo` from local wheels, empty cache, to the first page", "–", 60, "s"),
    "container_cold": Figure("start of a container with an empty volume and cold caches, to ready", "–", 1.5, "s"),
    "image_mb": Figure("container image, with its base", "–", 250, "MB"),
    "import_ms": Figure("`import headcount`", "with Numba, pyarrow, pandas", 60, "ms"),
    "compile": Figure("compiling once", "28", 8, "CPU-s"),
    "polars_1m": _at_least("1 M events, Parquet to Parquet, against Polars expressions", "0.71", 1.3, "times"),
    "duckdb_10m": _at_least("10 M events, against DuckDB SQL", "2.5–3.4", 4, "times"),
    "copy_10m": Figure("10 M events, time of reading and writing the same with Polars", "2.0–3.2", 1.6, "times"),
    "large": Figure("100 M events, time of 10 M", "15.5", 11, "times"),
    "large_memory": Figure("100 M events, peak memory", "–", 3, "GB"),
    "engine": _at_least("engine, log to committed rows (SQLite, 2,000 rooms)", "18–19 k", 40_000, "events/CPU-s"),
    "kernel": _at_least("live kernel alone, 10,000 rooms", "114 k", 200_000, "events/s"),
    "single": _at_least("single-event POST, durable, 64 connections, against an empty answer", "0.22–0.31", 0.5, "times"),
    "single_p99": Figure("the same, p99", "114", 30, "ms"),
    "append": _at_least("batches of 1,000: append, against a bare `executemany`", "0.41–0.50", 0.6, "times"),
    "end_to_end": _at_least("batches of 1,000: end to end, against a bare `executemany`", "0.25", 0.5, "times"),
    "pg_append": _at_least("the same on PostgreSQL: append, against `COPY`", "–", 0.5, "times"),
    "pg_end_to_end": _at_least("the same on PostgreSQL: end to end, against `COPY`", "–", 0.3, "times"),
    "min_participants": Figure("`/meetings?min_participants=3`, 1 M meetings", "100–116", 20, "ms"),
    "min_duration": Figure("`/meetings?min_duration=60`, 1 M meetings", "100–116", 20, "ms"),
    "access_log_meeting": Figure("reads of one meeting: CPU time with the access log, against without", "–", 1.03, "times"),
    "access_log_list": Figure("lists of 100 meetings: the same", "–", 1.03, "times"),
    "mcp": Figure("slowest MCP tool, p99, 1 M meetings", "–", 100, "ms"),
    "datasette": _at_least("100 meetings with participants, against Datasette over HTTP", "1.8", 4, "times"),
    "erasure": Figure("erasing a person with 10,000 stays, while serving", "–", 10, "s"),
    "export_day": Figure("incremental export of a day's changes, 1 M meetings", "–", 2, "s"),
    "webhooks": _at_least("messages to 100 endpoints, against the bare client", "0.68", 0.8, "times"),
}  # fmt: skip


def record(name: str, value: float) -> None:
    """Remember a figure for the table. Raise `KeyError` for a name that is not in `FIGURES`."""
    assert name in FIGURES, name
    STORE.parent.mkdir(parents=True, exist_ok=True)
    STORE.write_text(json.dumps(_recorded() | {name: value}, indent=1))


def _recorded() -> dict[str, float]:
    return json.loads(STORE.read_text()) if STORE.exists() else {}


def main() -> None:
    if "--clear" in sys.argv:
        STORE.unlink(missing_ok=True)
        return
    recorded = _recorded()
    print("\n| measure | before | now | target | met |\n|---|---|---|---|---|")
    for name, figure in FIGURES.items():
        value = recorded.get(name)
        now = "not measured" if value is None else f"{value:,.3g} {figure.unit}" if value < 1_000 else f"{value:,.0f} {figure.unit}"  # fmt: skip
        met = "" if value is None else "yes" if figure.met(value) else "**no**"
        bar = f"{'≥' if figure.at_least else '≤'} {figure.bar:,g} {figure.unit}"
        print(f"| {figure.what} | {figure.before} | {now} | {bar} | {met} |")


if __name__ == "__main__":
    main()
