"""Catalog: the vendors that we know, by the word that stands for each in the URL."""

from typing import Final

from headcount.sources import daily, jaas, jitsi, livekit, twilio, whereby, zoom
from headcount.sources.deliveries import Source

SOURCES: Final[dict[str, Source]] = {
    source.kind: source
    for source in (
        livekit.SOURCE,
        jitsi.SOURCE,
        daily.SOURCE,
        jaas.SOURCE,
        twilio.SOURCE,
        whereby.SOURCE,
        zoom.SOURCE,
    )
}  # fmt: skip
