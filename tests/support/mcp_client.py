"""The MCP SDK's own client, for tests: over stdio, with a server process of its own, and over HTTP."""

import os
import re
import subprocess
import sys
from contextlib import asynccontextmanager, contextmanager

import httpx2
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

LISTENS = re.compile(r"http://\S+/mcp")
PATIENCE_S = 60


def arguments_for(url):
    """The arguments of the command, as the page configures agents."""
    return ["mcp", "--url", url]


@asynccontextmanager
async def over_stdio(service, key, *flags):
    command = ["-m", "headcount", *arguments_for(service.url), *flags]
    environment = {**os.environ, "HEADCOUNT_API_KEY": key}
    async with Client(StdioServerParameters(command=sys.executable, args=command, env=environment)) as client:
        yield client


@contextmanager
def serving_http(service, *flags):
    """A server process for HTTP: its URL."""
    command = [
        sys.executable,
        "-m",
        "headcount",
        "mcp",
        "--url",
        service.url,
        "--http",
        "127.0.0.1:0",
        *flags,
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        found = LISTENS.search(process.stderr.readline())
        assert found, process.stderr.read()
        yield found[0]
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        process.stderr.close()
        process.stdout.close()


@asynccontextmanager
async def over_http(url, key):
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=PATIENCE_S) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


class Asked:
    """A client whose answers are checked and collected: `raw` is all text that came back."""

    def __init__(self, client):
        self._client = client
        self.raw = ""

    async def __call__(self, tool, **arguments):
        """The structured answer of a tool."""
        result = await self._client.call_tool(tool, arguments)
        self.raw += result.model_dump_json()
        assert not result.is_error, result.content[0].text
        return result.structured_content

    async def text(self, tool, **arguments):
        """The short text of an answer."""
        result = await self._client.call_tool(tool, arguments)
        self.raw += result.model_dump_json()
        return result.content[0].text

    async def error(self, tool, **arguments):
        """The text of an error."""
        result = await self._client.call_tool(tool, arguments)
        self.raw += result.model_dump_json()
        assert result.is_error, result.structured_content
        return result.content[0].text
