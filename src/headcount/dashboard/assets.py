"""Static files of the dashboard: style sheets, scripts and the icon. Nothing is loaded from other servers.

Responsible for serving them with a digest in their address, so that browsers may cache them for a year.
"""

from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_CACHE_CONTROL: Final = "public, max-age=31536000, immutable"
"""The address of an asset has its digest, so the content of an address never changes."""


@lru_cache(maxsize=64)
def _content(name: str) -> bytes:
    """Return the content of an asset. Raise `FileNotFoundError`."""
    folder = files("headcount.dashboard") / "static"
    if name not in {file.name for file in folder.iterdir()}:
        raise FileNotFoundError(name)
    return (folder / name).read_bytes()


@lru_cache(maxsize=64)
def digest_of(name: str) -> str:
    return sha256(_content(name)).hexdigest()[:10]


async def asset(request: Request) -> Response:
    """GET /dashboard/assets/NAME."""
    name = request.path_params["name"]
    media_type = _MEDIA_TYPES.get(name[name.rfind(".") :])
    if media_type is None:
        raise HTTPException(404)
    try:
        body = _content(name)
    except FileNotFoundError:
        raise HTTPException(404) from None
    return Response(body, headers={"cache-control": _CACHE_CONTROL}, media_type=media_type)
