"""HTTP client of polls: sends the requests of a poll to a vendor's server and returns the responses.

Responsible for timeouts, limits and TLS. Must not know vendors. Redirects are not followed, because they would carry the
key to another server.
"""

import asyncio
from collections.abc import Sequence
from hashlib import sha256
from typing import Final, Self

import httpx2 as httpx

from headcount.sources.polls.api import Poll, PollContext, PollFailed, PollRequest, PollResponse, PollResult

TIMEOUT_S: Final = 10.0
"""The time limit of a whole poll."""
_MAX_RESPONSE_BYTES: Final = 32_000_000
_CONCURRENCY: Final = 8


class PollClient:
    """Client for all polls of one process. To be closed."""

    def __init__(self, timeout_s: float = TIMEOUT_S, max_response_bytes: int = _MAX_RESPONSE_BYTES) -> None:
        self._timeout_s = timeout_s
        self._max_response_bytes = max_response_bytes
        self._created: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._created is not None:
            await self._created.aclose()

    @property
    def _client(self) -> httpx.AsyncClient:
        """Created for the first request: most processes never poll, and loading certificate authorities takes a while."""
        if self._created is None:
            self._created = httpx.AsyncClient(
                follow_redirects=False,
                timeout=self._timeout_s,
                headers={"user-agent": "headcount", "accept-encoding": "identity"},
            )
        return self._created

    async def poll(self, poll: Poll, url: str, context: PollContext) -> PollResult:
        """Poll the server at `url`. Raise `PollFailed` for any error."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._run(poll, url.rstrip("/"), context)
        except TimeoutError as error:
            raise PollFailed(f"{url} took longer than {self._timeout_s:g} s") from error

    async def _run(self, poll: Poll, url: str, context: PollContext) -> PollResult:
        steps, digest = poll.run(context), sha256()
        try:
            requests = next(steps)
            while True:
                responses = await self._send_all(url, requests)
                for response in responses:
                    digest.update(response.body)
                requests = steps.send(responses)
        except StopIteration as finished:
            result: PollResult = finished.value
            return result._replace(digest=digest.digest())
        finally:
            steps.close()

    async def _send_all(self, url: str, requests: Sequence[PollRequest]) -> list[PollResponse]:
        slots = asyncio.Semaphore(_CONCURRENCY)

        async def send(request: PollRequest) -> PollResponse:
            async with slots:
                return await self._send(url, request)

        tasks = [asyncio.create_task(send(request)) for request in requests]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()

    async def _send(self, url: str, request: PollRequest) -> PollResponse:
        try:
            async with self._client.stream(
                request.method,
                url + request.path,
                headers=dict(request.headers),
                content=request.body or None,
            ) as response:
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > self._max_response_bytes:
                        raise PollFailed(f"{url} answered with more than {self._max_response_bytes:,} bytes")
                return PollResponse(response.status_code, bytes(body), dict(response.headers))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PollFailed(f"{url} does not answer: {str(error) or type(error).__name__}") from error
