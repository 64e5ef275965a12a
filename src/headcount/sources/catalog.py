"""Catalog: the vendors that we know, by the word that stands for each in the URL."""

from typing import Final

from headcount.sources import agora, chime, hundredms, jitsi, livekit, realtimekit, stream, videosdk, vonage
from headcount.sources.deliveries import Source

SOURCES: Final[dict[str, Source]] = {
    source.kind: source
    for source in (
        livekit.SOURCE,
        jitsi.SOURCE,
        agora.SOURCE,
        chime.SOURCE,
        hundredms.SOURCE,
        realtimekit.SOURCE,
        stream.SOURCE,
        videosdk.SOURCE,
        vonage.SOURCE,
    )
}  # fmt: skip
