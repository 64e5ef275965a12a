"""Asking: the one place from which we ask servers of others over HTTP.

Certificates are checked, redirects are not followed (they would carry the key elsewhere), nothing is
waited for endlessly, and nothing is read that is endlessly large.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, Self

import httpx2 as httpx

from headcount.sources.polls.api import Poll, PollContext, PollFailed, PollRequest, PollResponse, PollResult

PATIENCE_S: Final = 10.0
"""So long may a server take for all that one poll asks."""
_MOST_BYTES: Final = 32_000_000
_AT_ONCE: Final = 8


class Asker:
    """Asks. One for a process; to be closed."""

    def __init__(self, patience_s: float = PATIENCE_S, most_bytes: int = _MOST_BYTES) -> None:
        self._patience_s = patience_s
        self._most_bytes = most_bytes
        self._made: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._made is not None:
            await self._made.aclose()

    @property
    def _client(self) -> httpx.AsyncClient:
        """Made when something is asked: most never ask, and the authorities to trust take a while to read."""
        if self._made is None:
            self._made = httpx.AsyncClient(
                follow_redirects=False,
                timeout=self._patience_s,
                headers={"user-agent": "headcount", "accept-encoding": "identity"},
            )
        return self._made

    async def poll(self, poll: Poll, url: str, access: PollContext) -> PollResult:
        """Who is in, by the server at `url`. Raises `PollFailed` for whatever goes wrong."""
        try:
            async with asyncio.timeout(self._patience_s):
                return await self._run(poll, url.rstrip("/"), access)
        except TimeoutError as error:
            raise PollFailed(f"{url} took longer than {self._patience_s:g} s") from error

    async def _run(self, poll: Poll, url: str, access: PollContext) -> PollResult:
        steps = poll.run(access)
        try:
            asked = next(steps)
            while True:
                asked = steps.send(await self._all(url, asked))
        except StopIteration as done:
            listed: PollResult = done.value
            return listed
        finally:
            steps.close()

    async def _all(self, url: str, asked: Sequence[PollRequest]) -> list[PollResponse]:
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def one(ask: PollRequest) -> PollResponse:
            async with at_once:
                return await self._one(url, ask)

        tasks = [asyncio.create_task(one(ask)) for ask in asked]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()

    async def _one(self, url: str, ask: PollRequest) -> PollResponse:
        try:
            async with self._client.stream(
                ask.method, url + ask.path, headers=dict(ask.headers), content=ask.body or None
            ) as answer:
                body = bytearray()
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > self._most_bytes:
                        raise PollFailed(f"{url} answered with more than {self._most_bytes:,} bytes")
                return PollResponse(answer.status_code, bytes(body), dict(answer.headers))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            told = str(error) or type(error).__name__
            raise PollFailed(f"{url} does not answer: {told}") from error
