"""Golden exports: what vendors hand out, one file each."""

import json
from pathlib import Path

from headcount.sources.exports.api import ExportOptions
from headcount.timezones import zone_named

FOLDER = Path(__file__).parents[1] / "sources/exports"


FILES = sorted(FOLDER.glob("*/*.json"))


def content_of(told):
    if "body" in told:
        return json.dumps(told["body"], ensure_ascii=False, indent=2).encode()
    if "bodies" in told:
        return b"".join(json.dumps(body, ensure_ascii=False).encode() for body in told["bodies"])
    return "".join(f"{line}\n" for line in told["lines"]).encode(told.get("encoding", "utf-8"))


def options_of(told):
    asked = told.get("asked", {})
    zone = asked.get("zone")
    dates = asked.get("dates")
    return ExportOptions(asked.get("room", ""), zone and zone_named(zone), dates and dates == "day-first")
