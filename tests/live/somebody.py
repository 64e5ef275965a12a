"""Somebody who goes to a room of LiveKit: a process of its own, which can be stopped or killed.

As a program (`somebody.py URL TOKEN`) it joins, says so in a line of JSON, and leaves when its input ends.
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
    """One client: a program with its arguments. `joined` and `left` are its own clock's times, in seconds."""

    def __init__(self, *program):
        self.asked = time.time()
        self.process = subprocess.Popen(
            [sys.executable, *map(str, program)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._said = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.joined = self.left = None

    def _listen(self):
        for line in self.process.stdout:
            self._said.put(json.loads(line))

    def hears(self, what):
        """The next word of that kind; others are passed over."""
        while True:
            said = self._said.get(timeout=PATIENCE_S)
            if said["said"] == what:
                return said

    def is_in(self):
        """Wait until they are in the room."""
        said = self.hears("joined")
        self.asked, self.joined, self.sid = said["asked"], said["at"], said["sid"]
        return self

    def leaves(self):
        """As one leaves by a button."""
        self.process.stdin.close()
        self.left = self.hears("left")["at"]
        self.process.wait(PATIENCE_S)

    def is_killed(self):
        self.left = time.time()
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def loses_the_network(self):
        """Nothing goes out any more and nothing is taken in, but no connection is closed."""
        self.process.send_signal(signal.SIGSTOP)

    def finds_the_network(self):
        self.process.send_signal(signal.SIGCONT)

    def is_gone(self):
        """For the end of a test: whatever state they are in."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE_S)


class Somebody(Client):
    """One client of LiveKit."""

    def __init__(self, livekit, room, identity, name="", **more):
        self.identity = identity
        self.room = room
        token = livekit.token(room, identity, name, **more)
        super().__init__(__file__, livekit.url.replace("http", "ws"), token)


async def stay(url, token):
    from livekit import rtc

    room = rtc.Room()
    for event in ("reconnecting", "reconnected", "disconnected"):
        room.on(event, lambda *_, event=event: say(event, sid=room.local_participant.sid))
    asked = time.time()
    await room.connect(url, token)
    say("joined", asked=asked, sid=room.local_participant.sid)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    at = time.time()
    await room.disconnect()
    say("left", at=at)


def say(what, **more):
    # One write, so that lines of several threads stay whole.
    os.write(1, (json.dumps({"said": what, "at": time.time()} | more) + "\n").encode())


if __name__ == "__main__":
    asyncio.run(stay(*sys.argv[1:]))
