"""Client of LiveKit as a process of its own, which can be stopped or killed.

As a program (`livekit_client.py URL TOKEN`) it joins, reports that in a line of JSON, and leaves when its input ends. Each line
of its input is a JSON object of attributes to set.
"""

import asyncio
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time

PATIENCE_S = 60


class Client:
    """A client program with its arguments. `requested_at`, `joined_at` and `left_at` are seconds by its own clock."""

    def __init__(self, *program):
        self.requested_at = time.time()
        self.process = subprocess.Popen(
            [sys.executable, *map(str, program)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._messages = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.joined_at = self.left_at = None

    def _listen(self):
        for line in self.process.stdout:
            self._messages.put(json.loads(line))

    def wait_for(self, event):
        """Return the next event of that name; skip others."""
        while True:
            message = self._messages.get(timeout=PATIENCE_S)
            if message["event"] == event:
                return message

    def wait_until_joined(self):
        """Wait until the client has joined."""
        message = self.wait_for("joined")
        self.requested_at, self.joined_at, self.sid = message["requested_at"], message["at"], message["sid"]
        return self

    def leave_room(self):
        """Leave as by a button."""
        self.process.stdin.close()
        self.left_at = self.wait_for("left")["at"]
        self.process.wait(PATIENCE_S)

    def kill(self):
        self.left_at = time.time()
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def suspend_network(self):
        """Stop sending and receiving without closing a connection."""
        self.process.send_signal(signal.SIGSTOP)

    def resume_network(self):
        self.process.send_signal(signal.SIGCONT)

    def clean_up(self):
        """End the process, in any state."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE_S)


class Participant(Client):
    """One client of LiveKit."""

    def __init__(self, livekit, room, identity, name="", **more):
        self.identity = identity
        self.room = room
        token = livekit.token(room, identity, name, **more)
        super().__init__(__file__, livekit.url.replace("http", "ws"), token)

    def set_attributes(self, **attributes):
        """Set attributes while in the room, and wait until the server has them."""
        self.process.stdin.write(json.dumps(attributes) + "\n")
        self.process.stdin.flush()
        self.wait_for("attributes")


async def stay(url, token):
    from livekit import rtc

    room = rtc.Room()
    for event in ("reconnecting", "reconnected", "disconnected"):
        room.on(event, lambda *_, event=event: report(event, sid=room.local_participant.sid))
    requested_at = time.time()
    await room.connect(url, token)
    report("joined", requested_at=requested_at, sid=room.local_participant.sid)
    while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        await room.local_participant.set_attributes(json.loads(line))
        report("attributes")
    at = time.time()
    await room.disconnect()
    report("left", at=at)


def report(event, **more):
    # One write, so that lines of several threads stay whole.
    os.write(1, (json.dumps({"event": event, "at": time.time()} | more) + "\n").encode())


if __name__ == "__main__":
    asyncio.run(stay(*sys.argv[1:]))
