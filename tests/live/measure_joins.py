"""Time from a participant's join to LiveKit's webhook, and to the visible result in Headcount.

Stays count at once here (`min_stay_s` is 0): otherwise each of them would take its ten seconds to become visible (R4).
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from live.headcount_service import Service
from live.livekit_client import Participant
from live.livekit_server import KEY, SECRET, LiveKit
from live.webhook_proxy import WebhookProxy

SPANS = (
    "accepted -> webhook",
    "requested -> webhook",
    "joined -> webhook",
    "webhook -> visible",
    "requested -> visible",
)


def spans(livekit, proxy, service, number):
    """Return the times of one join in milliseconds, in the order of `SPANS`. The webhook counts from its arrival."""
    room = f"room-{number}"
    participant = Participant(livekit, room, "ann").wait_until_joined()
    while not service.get_json(f"/rooms/{room}/presence")["total_count"]:
        time.sleep(0.001)
    visible_at = time.time()
    ((arrived, event),) = proxy.received("participant_joined", room)
    accepted_at = int(event["participant"]["joinedAtMs"]) / 1_000
    webhook_at = arrived["t"]
    participant.leave_room()
    seconds = (
        webhook_at - accepted_at,
        webhook_at - participant.requested_at,
        webhook_at - participant.joined_at,
        visible_at - webhook_at,
        visible_at - participant.requested_at,
    )
    return [1_000 * span for span in seconds]


def main(joins=50):
    folder = Path(tempfile.mkdtemp(prefix="headcount-joins-"))
    service = Service(folder, "livekit", "--secret", f"{KEY}:{SECRET}", min_stay_s=0)
    proxy = WebhookProxy(service)
    livekit = LiveKit(folder, proxy.url + service.path).start()
    try:
        measured = [spans(livekit, proxy, service, number) for number in range(joins)]
    finally:
        livekit.kill()
        proxy.close()
        service.stop()
    print(f"{joins} joins, milliseconds")  # noqa: T201 - a program
    for name, times in zip(SPANS, map(sorted, zip(*measured, strict=True)), strict=True):
        half, most = times[joins // 2], times[min(joins - 1, joins * 99 // 100)]
        print(f"{name:<20} p50 {half:7.1f}  p99 {most:7.1f}  longest {times[-1]:7.1f}")  # noqa: T201 - likewise


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
