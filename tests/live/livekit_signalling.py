"""Somebody who says hello to LiveKit, and then sends no media: a browser without a way through the firewall."""

import asyncio

import aiohttp


def only_signals(livekit, room, identity, *, seconds):
    """Be signalled with for so long, then hang up."""
    asyncio.run(_only_signals(livekit, livekit.token(room, identity), seconds))


async def _only_signals(livekit, token, seconds):
    address = f"{livekit.url}/rtc?access_token={token}&protocol=15&auto_subscribe=1&sdk=python"
    async with aiohttp.ClientSession() as session, session.ws_connect(address) as signals:
        await signals.receive()
        await asyncio.sleep(seconds)
