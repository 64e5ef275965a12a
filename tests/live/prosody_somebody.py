"""Somebody who goes to a room of Prosody: a process of its own, which can be stopped or killed. Presence is all that counts there.

As a program (`prosody_somebody.py PORT HOST ROOM NAME`) it joins, says so, and leaves when its input ends.
"""

import asyncio
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from live.prosody_server import HOST, ROOMS
from live.somebody import Client, say


class Guest(Client):
    """One client of Prosody. `sid` is the address of their connection, which the server gave them."""

    def __init__(self, prosody, room, name):
        self.name = name
        super().__init__(__file__, prosody.port, HOST, f"{room}@{ROOMS}", name)


async def stay(port, host, room, name):
    import slixmpp

    client = slixmpp.ClientXMPP(host, "", sasl_mech="ANONYMOUS")
    client.register_plugin("xep_0045")
    client.register_plugin("xep_0198")
    client.enable_starttls = client.enable_direct_tls = False
    client.enable_plaintext = True
    begun = asyncio.Event()
    client.add_event_handler("session_start", lambda _: begun.set())
    client.connect("127.0.0.1", int(port))
    await asyncio.wait_for(begun.wait(), 20)
    client.send_presence()
    asked = time.time()
    await client.plugin["xep_0045"].join_muc_wait(slixmpp.JID(room), name, timeout=20)
    say("joined", asked=asked, sid=client.boundjid.full)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    at = time.time()
    client.plugin["xep_0045"].leave_muc(slixmpp.JID(room), name)
    await asyncio.wait_for(client.disconnect(wait=2), 10)
    say("left", at=at)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(stay(*sys.argv[1:]))
