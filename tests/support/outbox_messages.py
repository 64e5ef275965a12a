"""Messages put into the outbox as the engine does it."""

import json
import time


def put(store, *names, room="blue", domain="default", type_="meeting.started"):
    """Put messages into the outbox, in one commit."""
    now = time.time_ns() // 1_000_000
    start = now - 30_000
    payload = json.dumps(
        {
            "id": f"m-{room}", "start": start, "end": now, "max": 2, "people": 2, "reason": "left",
            "participant_id": "c-1", "user_id": None, "user_name": "Ann \U0001f98a", "join": start, "leave": now,
            "left_by": "reported", "after": None,
            "before": {"id": f"m-{room}", "start": start, "end": now, "max": 2, "people": 2},
        }
    )  # fmt: skip
    with store.database.writing() as connection:
        connection.write("insert_message", [(domain, name, type_, room, now, now, payload) for name in names])
