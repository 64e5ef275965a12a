"""Assets: the few files that pages need besides themselves, served by us; nothing comes from elsewhere."""

from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_GOOD: Final = "public, max-age=31536000, immutable"
"""The address of an asset holds its digest, so it never changes under one."""


@lru_cache(maxsize=64)
def _content(name: str) -> bytes:
    """Raises `FileNotFoundError`."""
    folder = files("headcount.dashboard") / "static"
    if name not in {one.name for one in folder.iterdir()}:
        raise FileNotFoundError(name)
    return (folder / name).read_bytes()


@lru_cache(maxsize=64)
def digest_of(name: str) -> str:
    return sha256(_content(name)).hexdigest()[:10]


async def asset(request: Request) -> Response:
    """GET /dashboard/assets/NAME."""
    name = request.path_params["name"]
    kind = _TYPES.get(name[name.rfind(".") :])
    if kind is None:
        raise HTTPException(404)
    try:
        body = _content(name)
    except FileNotFoundError:
        raise HTTPException(404) from None
    return Response(body, headers={"cache-control": _FOR_GOOD}, media_type=kind)
