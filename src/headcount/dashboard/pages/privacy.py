"""Privacy page: what is stored about a person, its export and its erasure. For admins.

Responsible for selecting the person, for the file to save, and for requests for erasures. Must not know what is stored about
people, nor how it is erased: `maintenance` and the engine do.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from tempfile import TemporaryFile
from typing import IO, Final, NamedTuple

from starlette.responses import RedirectResponse, Response, StreamingResponse

from headcount.dashboard.pages import query
from headcount.dashboard.pages.downloads import attachment
from headcount.dashboard.pages.query import NotFound
from headcount.dashboard.renderer import TEXTS, View, render
from headcount.errors import BadInput
from headcount.maintenance.erasure_preview import ErasurePreview, preview_erasure, request_erasure
from headcount.maintenance.person_export import PersonExport, write_zip
from headcount.store.access_log import Action
from headcount.store.data_subjects import Selector, SelectorKind, parse_selector
from headcount.store.erasures import Erasure, Mode, require_selector
from headcount.store.retention import LegalHold, RetentionRule
from headcount.telemetry.access_recorder import note_action, note_subject
from headcount.telemetry.logging import security_event

_CHUNK_BYTES: Final = 262_144
_MAX_LISTED: Final = 200
_DIGEST_LENGTH: Final = 8


class SelectedPerson(NamedTuple):
    """A person, as selected in the address, and what an erasure would change.

    `refusal` is why they cannot be erased; then there is no preview. `erasures` are earlier ones of the person.
    """

    kind: str
    value: str
    preview: ErasurePreview | None
    refusal: str | None
    erasures: Sequence[Erasure]

    @property
    def is_unknown(self) -> bool:
        """Whether nothing is stored about the person."""
        return self.preview is not None and not any(self.preview.counts.values())


class RetentionOfDomain(NamedTuple):
    """The retention rules and the legal holds of a domain, and whether it is in the data-minimal mode."""

    rules: Sequence[RetentionRule]
    holds: Sequence[LegalHold]
    minimal: bool


async def page(view: View) -> Response:
    """GET /dashboard/privacy?by=user_id&value=USER."""
    return render(
        view,
        "privacy.html",
        kinds=list(SelectorKind),
        kind=query.choice(view.query, "by", tuple(SelectorKind)),
        value=query.text(view.query, "value") or "",
        person=await asyncio.to_thread(_person, view),
        requested=query.number(view.query, "requested"),
        erasures=await asyncio.to_thread(_erasures, view),
        max_listed=_MAX_LISTED,
        retention=await asyncio.to_thread(_retention, view),
    )


async def erasures(view: View) -> Response:
    """GET /dashboard/privacy/erasures: the list, which the page reads again while an erasure is not done."""
    return render(
        view, "_erasures.html", erasures=await asyncio.to_thread(_erasures, view), max_listed=_MAX_LISTED
    )


async def erase(view: View, fields: Mapping[str, str]) -> Response:
    """POST /dashboard/privacy/erasures: request an erasure."""
    selector = _selector(view, fields)
    mode = Mode(query.choice(fields, "mode", tuple(Mode)))
    if selector is None:
        raise NotFound(TEXTS("privacy.nobody"))
    erasure = await asyncio.to_thread(
        request_erasure, view.context.store, view.domain, selector, mode, view.now, _actor(view)
    )
    if mode is Mode.PSEUDONYMIZE:
        note_action(view.request.scope, Action.PRIVACY_PSEUDONYMIZE)
    security_event("erasure_requested", number=erasure.number, mode=mode.value)
    location = f"{view.url('/privacy', requested=erasure.number)}#erasures"
    return RedirectResponse(location, HTTPStatus.SEE_OTHER)


async def export(view: View) -> Response:
    """GET /dashboard/privacy.zip?by=user_id&value=USER: everything that is stored about the person."""
    file = await asyncio.to_thread(_archive, view)
    security_event("person_exported")
    return StreamingResponse(
        _chunks(file),
        headers=attachment(view, TEXTS("privacy.file_name"), "zip"),
        media_type="application/zip",
    )


def _selector(view: View, fields: Mapping[str, str]) -> Selector | None:
    """The selector in an address or a form, None if there is none. Raise `BadInput`."""
    value = query.text(fields, "value")
    kind = SelectorKind(query.choice(fields, "by", tuple(SelectorKind)))
    if value is None:
        return None
    selector = parse_selector(**{kind.value: value})
    note_subject(view.request.scope, selector.subject)
    return selector


def _person(view: View) -> SelectedPerson | None:
    selector = _selector(view, view.query)
    if selector is None:
        return None
    try:
        require_selector(selector)
        preview, refusal = preview_erasure(view.context.store, view.domain, selector, view.now), None
    except BadInput as error:
        preview, refusal = None, f"{str(error)[:1].upper()}{str(error)[1:]}."
    earlier = view.context.store.erasures.about(view.domain, selector)
    return SelectedPerson(selector.kind.value, view.query["value"], preview, refusal, earlier)


def _retention(view: View) -> RetentionOfDomain:
    store, domain = view.context.store, view.domain
    return RetentionOfDomain(
        store.retention.rules(domain),
        store.retention.holds(domain, released=False),
        store.minimal.has(domain),
    )


def _erasures(view: View) -> list[Erasure]:
    """The latest erasures, the newest first."""
    return view.context.store.erasures.all(view.domain)[: -_MAX_LISTED - 1 : -1]


def _actor(view: View) -> str:
    """Who requests something: the name of the session, and the beginning of its digest."""
    visitor = view.visitor
    return "" if visitor is None else f"session {visitor.name} ({(visitor.session or '')[:_DIGEST_LENGTH]})"


def _archive(view: View) -> IO[bytes]:
    """The export as a temporary file. Raise `NotFound`."""
    selector = _selector(view, view.query)
    export = None if selector is None else PersonExport(view.context.store, view.domain, selector, view.now)
    if export is None or export.is_empty:
        raise NotFound(TEXTS("privacy.nobody"))
    file = TemporaryFile()  # noqa: SIM115 - the response closes it
    write_zip(export, file)
    file.seek(0)
    return file


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
