"""Registry of the vendors, by the kind that is in the URL.

Other packages add theirs with an entry point of the group `headcount.sources`, which names a `Source`.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Final

from headcount.errors import BadInput
from headcount.sources import (
    agora,
    bigbluebutton,
    chime,
    daily,
    galene,
    generic,
    hundredms,
    jaas,
    janus,
    jitsi,
    livekit,
    realtimekit,
    stream,
    twilio,
    videosdk,
    vonage,
    whereby,
    zoom,
)
from headcount.sources.api import Source
from headcount.sources.attribute_map import parse_attribute_map

SOURCES: Final[dict[str, Source]] = {
    source.kind: source
    for source in (
        livekit.SOURCE,
        jitsi.SOURCE,
        agora.SOURCE,
        bigbluebutton.SOURCE,
        chime.SOURCE,
        daily.SOURCE,
        hundredms.SOURCE,
        jaas.SOURCE,
        janus.SOURCE,
        realtimekit.SOURCE,
        stream.SOURCE,
        twilio.SOURCE,
        videosdk.SOURCE,
        vonage.SOURCE,
        whereby.SOURCE,
        zoom.SOURCE,
        generic.SOURCE,
    )
}  # fmt: skip
POLL_ONLY_SOURCES: Final[dict[str, Source]] = {source.kind: source for source in (galene.SOURCE,)}
"""Vendors that send no requests, and are polled."""
ENTRY_POINT_GROUP: Final = "headcount.sources"


def get_source(kind: str, options: Mapping[str, Any] | None = None) -> Source:
    """Return the vendor of this kind, with the options of the configured source. Raise `BadInput` if there is none."""
    options = options or {}
    if kind == generic.SOURCE.kind and "mapping" in options:
        found: Source | None = generic.mapped_source(options["mapping"])
    else:
        found = SOURCES.get(kind) or POLL_ONLY_SOURCES.get(kind) or _plugins().get(kind)
    if found is None:
        raise BadInput(f"unknown source '{kind}': expected one of {', '.join(source_kinds())}")
    if "attributes" not in options:
        return found
    return replace(found, attributes=parse_attribute_map(options["attributes"]))


def source_kinds() -> list[str]:
    """Return all kinds, those of other packages last."""
    known = {**SOURCES, **POLL_ONLY_SOURCES}
    return [*known, *sorted(_plugins().keys() - known.keys())]


@cache
def _plugins() -> dict[str, Source]:
    found: dict[str, Source] = {}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        source = point.load()
        if not isinstance(source, Source):
            raise BadInput(
                f"the entry point '{point.name}' of {ENTRY_POINT_GROUP} must be a Source, not {type(source).__name__}"
            )
        found[source.kind] = source
    return found
