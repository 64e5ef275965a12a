"""Somebody who goes to a room of Janus with a microphone: a process of its own, which can be stopped or killed.

As a program (`janus_somebody.py URL PLUGIN ROOM NAME`) it joins, says so once its media flow, and leaves when its input ends.
"""

import asyncio
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from live.somebody import Client, say


class Guest(Client):
    """One client of Janus. `sid` is the id by which they are known in the room."""

    def __init__(self, janus, room, name, plugin="videoroom"):
        self.name = name
        super().__init__(__file__, janus.url, plugin, room, name)


class Connection:
    """A session with one handle. What the server tells of itself comes by requests that it answers when there is something."""

    def __init__(self, http, url):
        self._http = http
        self._url = url
        self._told = asyncio.Queue()

    async def open(self, plugin, opaque_id):
        self._session = (await self._post(self._url, janus="create"))["data"]["id"]
        self._path = f"{self._url}/{self._session}"
        attached = await self._post(
            self._path, janus="attach", plugin=f"janus.plugin.{plugin}", opaque_id=opaque_id
        )
        self._handle = f"{self._path}/{attached['data']['id']}"
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._stay_alive())]

    async def _listen(self):
        while True:
            async with self._http.get(self._path, params={"maxev": 1}) as answer:
                await self._told.put(await answer.json())

    async def _stay_alive(self):
        while True:
            await asyncio.sleep(1)
            await self._post(self._path, janus="keepalive")

    async def ask(self, body, jsep=None):
        """A request that is answered later: what the plugin says, and the other side's offer or answer."""
        offered = {} if jsep is None else {"jsep": {"type": jsep.type, "sdp": jsep.sdp}}
        await self._post(self._handle, janus="message", body=body, **offered)
        while True:
            told = await asyncio.wait_for(self._told.get(), 20)
            if told.get("transaction") == body["request"]:
                return told["plugindata"]["data"], told.get("jsep")

    async def close(self):
        for task in self._tasks:
            task.cancel()
        await self._post(self._path, janus="destroy")

    async def _post(self, url, **told):
        named = {"transaction": told.get("body", told).get("request", "t"), **told}
        async with self._http.post(url, json=named) as answer:
            said = await answer.json()
            assert said["janus"] in ("success", "ack"), said
            return said


async def stay(url, plugin, room, name):
    import aiohttp
    from aiortc import RTCPeerConnection, RTCSessionDescription
    from aiortc.mediastreams import AudioStreamTrack

    async with aiohttp.ClientSession() as http:
        janus = Connection(http, url)
        await janus.open(plugin, f"user-{name}")
        asked = time.time()
        joining = {"request": "join", "ptype": "publisher", "room": int(room), "display": name.title()}
        joined, _ = await janus.ask(joining)
        assert "id" in joined, joined
        media = RTCPeerConnection()
        flows = asyncio.Event()
        media.on(
            "connectionstatechange", lambda: flows.set() if media.connectionState == "connected" else None
        )
        media.addTrack(AudioStreamTrack())
        await media.setLocalDescription(await media.createOffer())
        _, answer = await janus.ask({"request": "configure"}, media.localDescription)
        await media.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
        await asyncio.wait_for(flows.wait(), 20)
        say("joined", asked=asked, sid=str(joined["id"]))
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        at = time.time()
        await janus.ask({"request": "leave"})
        await janus.close()
        say("left", at=at)
        os._exit(0)  # what media is left to wind up takes seconds


if __name__ == "__main__":
    asyncio.run(stay(*sys.argv[1:]))
