"""A client that connects to LiveKit, and then sends no media: a browser behind a firewall."""

import asyncio

import aiohttp


def signal_only(livekit, room, identity, *, seconds):
    """Stay connected for this time, then disconnect."""
    asyncio.run(_signal_only(livekit, livekit.token(room, identity), seconds))


async def _signal_only(livekit, token, seconds):
    address = f"{livekit.url}/rtc?access_token={token}&protocol=15&auto_subscribe=1&sdk=python"
    async with aiohttp.ClientSession() as session, session.ws_connect(address) as signals:
        await signals.receive()
        await asyncio.sleep(seconds)
