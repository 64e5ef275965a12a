"""Catalog: the vendors that we know, by the word that stands for each in the URL.

Packages of others add theirs by an entry point of the group `headcount.sources`, which names a `Source`.
"""

from collections.abc import Mapping
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
"""Those that send nothing, and can only be asked who is in."""
GROUP: Final = "headcount.sources"


def get_source(kind: str, options: Mapping[str, Any] | None = None) -> Source:
    """The vendor of this word; `options` are of the source that is set up. Raises `BadInput` for no such vendor."""
    if kind == generic.SOURCE.kind and options and "mapping" in options:
        return generic.mapped(options["mapping"])
    found = SOURCES.get(kind) or POLL_ONLY_SOURCES.get(kind) or _plugins().get(kind)
    if found is None:
        raise BadInput(f"there is no source '{kind}'; there are {', '.join(kinds())}")
    return found


def kinds() -> list[str]:
    """All words, those of other packages last."""
    known = {**SOURCES, **POLL_ONLY_SOURCES}
    return [*known, *sorted(_plugins().keys() - known.keys())]


@cache
def _plugins() -> dict[str, Source]:
    found: dict[str, Source] = {}
    for point in entry_points(group=GROUP):
        source = point.load()
        if not isinstance(source, Source):
            raise BadInput(
                f"the entry point '{point.name}' of {GROUP} is no Source, but {type(source).__name__}"
            )
        found[source.kind] = source
    return found
