"""Operations: a method of a path, its handler, and its description in the OpenAPI document.

Responsible for declaring an operation beside its handler, and for the routes of a list of operations. It must not know
what handlers do, nor the form of the document.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import getdoc
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headcount.http.params import AnyParam

JSON: Final = "application/json"

H = TypeVar("H")
H_co = TypeVar("H_co", covariant=True)
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request or an answer: the type of its JSON, or the schema of another media type."""

    type: Any
    media_type: str = JSON
    example: Any = None


@dataclass(frozen=True, slots=True)
class Operation(Generic[H_co]):
    """A method of a path.

    `path` has Starlette's form, without the prefix. `answers` are alternatives. `errors` are the statuses beyond those
    that every operation has. An operation without a key authenticates in its own way. `daily` is whether Daily's API has
    the operation, too.
    """

    handler: H_co
    method: str
    path: str
    id: str
    summary: str
    description: str
    tag: str
    answers: Sequence[Body]
    params: Sequence[AnyParam]
    bodies: Sequence[Body]
    errors: Sequence[int]
    headers: Mapping[str, str]
    security: Sequence[str]
    daily: bool

    @property
    def availability(self) -> str:
        """Whether Daily's API has the operation, too."""
        return "Daily-compatible" if self.daily else "Headcount extension"


def operation(
    method: str,
    path: str,
    id: str,  # noqa: A002 - the document's word
    summary: str,
    *answers: Any,
    tag: str,
    params: Sequence[AnyParam] = (),
    body: Any = None,
    errors: Sequence[int] = (),
    headers: Mapping[str, str] | None = None,
    security: Sequence[str] = ("key",),
    daily: bool = False,
) -> Callable[[H], Operation[H]]:
    """Declare the decorated handler as an operation; its docstring, in the third person, is the description.

    Of several `answers`, one with more required fields comes first: clients read an answer as the first that fits.
    `answers` and `body` are types whose JSON is sent and received, or a `Body`. `daily` declares an operation of Daily's
    API; all others are Headcount extensions.
    """

    def declare(handler: H) -> Operation[H]:
        return Operation(
            handler,
            method,
            path,
            id,
            summary,
            " ".join((getdoc(handler) or "").split()),
            tag,
            [_body(answer) for answer in answers],
            params,
            [] if body is None else [_body(part) for part in (body if isinstance(body, list) else [body])],
            errors,
            headers or {},
            security,
            daily,
        )

    return declare


def routes_of(operations: Iterable[Operation[H]], bind: Callable[[Operation[H]], Handler]) -> list[Route]:
    """Return one route for each path. It answers all methods of the path, so that a 405 can list them."""
    by_path: dict[str, dict[str, Handler]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, {})[operation.method] = bind(operation)
    return [
        Route(path, _dispatch(handlers), methods=list(handlers), name=path)
        for path, handlers in by_path.items()
    ]


def _dispatch(handlers: Mapping[str, Handler]) -> Handler:
    async def handle(request: Request) -> Response:
        return await handlers["GET" if request.method == "HEAD" else request.method](request)

    return handle


def _body(declared: Any) -> Body:
    return declared if isinstance(declared, Body) else Body(declared)


class _Name(Convertor[str]):
    """A name in a path: any text, even with a slash or a line break, which arrive percent-encoded."""

    regex = r"(?s:.+)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return quote(value, safe="")


register_url_convertor("name", _Name())
