"""Both clients behind one face, so that a test states each claim about both."""

import asyncio
import functools
import inspect
import threading

from headcount.client import AsyncClient, Client
from headcount.client.operations import Operations

PATIENCE_S = 120


def operations():
    """The operations by name."""
    return inspect.getmembers(Operations, lambda one: hasattr(one, "_build"))


class Blocking:
    """An `AsyncClient` whose methods wait, and whose iterators are plain ones. Its loop runs in a thread."""

    def __init__(self, *arguments, **options):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._iterated = []
        self._client = self._wait(self._made(arguments, options))

    async def _made(self, arguments, options):
        return AsyncClient(*arguments, **options)

    def _wait(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_S)

    def __getattr__(self, name):
        method = getattr(self._client, name)

        @functools.wraps(method)
        def call(*arguments, **options):
            found = method(*arguments, **options)
            if hasattr(found, "__anext__"):
                self._iterated.append(found)
                return self._iterate(found)
            return self._wait(found)

        return call

    def _iterate(self, items):
        while True:
            try:
                yield self._wait(_following(items))
            except StopAsyncIteration:
                return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for items in self._iterated:
            self._wait(items.aclose() if inspect.isasyncgen(items) else items.close())
        self._wait(self._client.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()


async def _following(items):
    return await anext(items)


VARIANTS = {"sync": Client, "async": Blocking}
