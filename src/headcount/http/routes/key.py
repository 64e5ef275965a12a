"""Key: what an API key is allowed to do, for its owner.

Responsible for the answer. It must not know how keys are stored or authenticated.
"""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headcount.http.operations import Handler, Operation, operation, routes_of
from headcount.http.schemas import Schema, choice, doc
from headcount.http.serializer import encode
from headcount.store.credentials import SCOPES, Key


class KeyInfo(Schema):
    """The API key of the request."""

    name: Annotated[str, doc("The name of the key; its id if it has none.")]
    domain: Annotated[str, doc("The domain of the key.")]
    scopes: Annotated[
        list[Annotated[str, choice(SCOPES, "A scope.")]], doc("The scopes of the key. `admin` includes all.")
    ]


@operation("GET", "/key", "getKey", "Get the API key", KeyInfo, tag="Health")
async def get_key(request: Request) -> KeyInfo:
    """Returns the name, the domain and the scopes of the key in the request. Every valid key may use it."""
    key: Key = request.state.key
    return KeyInfo(key.name or key.id, key.domain, [scope for scope in SCOPES if scope in key.scopes])


OPERATIONS: Final = (get_key,)
KeyHandler = Callable[[Request], Coroutine[Any, Any, KeyInfo]]


def routes() -> list[Route]:
    """Return the route."""

    def bind(operation: Operation[KeyHandler]) -> Handler:
        async def handle(request: Request) -> Response:
            return Response(encode(await operation.handler(request)), media_type="application/json")

        return handle

    return routes_of(OPERATIONS, bind)
