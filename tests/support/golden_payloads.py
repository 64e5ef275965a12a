"""Golden payloads: requests that each vendor sends, one file each."""

from pathlib import Path

import msgspec

from headcount.sources.api import InboundRequest

FOLDER = Path(__file__).parents[1] / "sources"


FILES = sorted(FOLDER.glob("*/*.json"))


def request_of(golden):
    """Return the request that a golden file describes."""
    body = golden["body"]
    raw = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
    headers = {name.lower(): value for name, value in golden.get("headers", {}).items()}
    return InboundRequest(headers, raw, golden.get("url", ""), golden.get("received", 1_772_442_000_000))
