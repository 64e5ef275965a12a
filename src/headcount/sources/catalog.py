"""Catalog: the vendors that we know, by the word that stands for each in the URL."""

from typing import Final

from headcount.sources import daily, jitsi, livekit, twilio, zoom
from headcount.sources.deliveries import Source

SOURCES: Final[dict[str, Source]] = {
    source.kind: source
    for source in (
        livekit.SOURCE,
        jitsi.SOURCE,
        daily.SOURCE,
        twilio.SOURCE,
        zoom.SOURCE,
    )
}  # fmt: skip
