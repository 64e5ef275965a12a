"""How long after somebody joins LiveKit it is told, and how long until Headcount can be asked.

Stays count at once here (`min_stay_s` is 0): else each of them would take its ten seconds to show, by rule 4.
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from live.behind import Service
from live.gate import Gate
from live.livekit_server import KEY, SECRET, LiveKit
from live.somebody import Somebody

SPANS = ("let in -> told", "wants in -> told", "is in -> told", "told -> shows", "wants in -> shows")


def spans(livekit, gate, service, number):
    """One join's times in milliseconds, as `SPANS` names them. "Told" is when the webhook has arrived."""
    room = f"room-{number}"
    somebody = Somebody(livekit, room, "ann").is_in()
    while not service.answers(f"/rooms/{room}/presence")["total_count"]:
        time.sleep(0.001)
    shows = time.time()
    ((arrived, said),) = gate.said("participant_joined", room)
    let_in = int(said["participant"]["joinedAtMs"]) / 1_000
    told = arrived["t"]
    somebody.leaves()
    seconds = (
        told - let_in,
        told - somebody.asked,
        told - somebody.joined,
        shows - told,
        shows - somebody.asked,
    )
    return [1_000 * span for span in seconds]


def main(joins=50):
    folder = Path(tempfile.mkdtemp(prefix="headcount-joins-"))
    service = Service(folder, "livekit", "--secret", f"{KEY}:{SECRET}", min_stay_s=0)
    gate = Gate(service)
    livekit = LiveKit(folder, gate.url + service.path).start()
    try:
        measured = [spans(livekit, gate, service, number) for number in range(joins)]
    finally:
        livekit.kill()
        gate.close()
        service.stop()
    print(f"{joins} joins, milliseconds")  # noqa: T201 - a program
    for name, times in zip(SPANS, map(sorted, zip(*measured, strict=True)), strict=True):
        half, most = times[joins // 2], times[min(joins - 1, joins * 99 // 100)]
        print(f"{name:<18} p50 {half:7.1f}  p99 {most:7.1f}  longest {times[-1]:7.1f}")  # noqa: T201 - likewise


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
