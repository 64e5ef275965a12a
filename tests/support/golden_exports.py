"""Golden exports: files that vendors provide, one golden file each."""

import json
from pathlib import Path

from headcount.sources.exports.api import ExportOptions
from headcount.timezones import parse_zone

FOLDER = Path(__file__).parents[1] / "sources/exports"


FILES = sorted(FOLDER.glob("*/*.json"))


def content_of(golden):
    """Return the bytes of the file that a golden file describes."""
    if "body" in golden:
        return json.dumps(golden["body"], ensure_ascii=False, indent=2).encode()
    if "bodies" in golden:
        return b"".join(json.dumps(body, ensure_ascii=False).encode() for body in golden["bodies"])
    return "".join(f"{line}\n" for line in golden["lines"]).encode(golden.get("encoding", "utf-8"))


def options_of(golden):
    """Return the operator's options for the file."""
    options = golden.get("options", {})
    timezone = options.get("timezone")
    return ExportOptions(
        options.get("room", ""),
        timezone and parse_zone(timezone),
        options.get("day_first"),
        options.get("attributes", {}),
    )
