"""Registry of the video servers that can be polled, by the kind of their source."""

from typing import Final

from headcount.sources.polls import bigbluebutton, daily, galene, janus, jitsi, livekit
from headcount.sources.polls.api import Poll

POLLS: Final[dict[str, Poll]] = {
    poll.kind: poll
    for poll in (livekit.POLL, daily.POLL, janus.POLL, galene.POLL, bigbluebutton.POLL, jitsi.POLL)
}
