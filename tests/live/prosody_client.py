"""Client of Prosody as a process of its own, which can be stopped or killed. It only sends presence.

As a program (`prosody_client.py PORT HOST ROOM NAME`) it joins, reports that, and leaves when its input ends.
"""

import asyncio
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from live.livekit_client import Client, report
from live.prosody_server import HOST, ROOMS


class Participant(Client):
    """One client of Prosody. `sid` is the address of its connection, which the server assigned."""

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
    started = asyncio.Event()
    client.add_event_handler("session_start", lambda _: started.set())
    client.connect("127.0.0.1", int(port))
    await asyncio.wait_for(started.wait(), 20)
    client.send_presence()
    requested_at = time.time()
    await client.plugin["xep_0045"].join_muc_wait(slixmpp.JID(room), name, timeout=20)
    report("joined", requested_at=requested_at, sid=client.boundjid.full)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    at = time.time()
    client.plugin["xep_0045"].leave_muc(slixmpp.JID(room), name)
    await asyncio.wait_for(client.disconnect(wait=2), 10)
    report("left", at=at)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(stay(*sys.argv[1:]))
