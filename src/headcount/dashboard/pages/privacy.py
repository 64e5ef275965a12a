"""Privacy page: what is stored about a person, and its export. For admins.

Responsible for selecting the person and for the file to save. Must not know what is stored about people:
`maintenance.person_export` does.
"""

import asyncio
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO, Final, NamedTuple

from starlette.responses import Response, StreamingResponse

from headcount.dashboard.pages import query
from headcount.dashboard.pages.downloads import attachment
from headcount.dashboard.pages.query import NotFound
from headcount.dashboard.renderer import TEXTS, View, render
from headcount.maintenance.person_export import PersonExport, write_zip
from headcount.store.data_subjects import DataSubject, DataSubjects, Selector, SelectorKind, parse_selector
from headcount.telemetry.logging import security_event

_CHUNK_BYTES: Final = 262_144


class SelectedPerson(NamedTuple):
    """What the address selects, and who that is. `kind` and `value` are as they were entered."""

    kind: str
    value: str
    selector: Selector
    subject: DataSubject


async def page(view: View) -> Response:
    """GET /dashboard/privacy?by=user_id&value=USER."""
    return render(
        view,
        "privacy.html",
        kinds=list(SelectorKind),
        kind=query.choice(view.query, "by", tuple(SelectorKind)),
        value=query.text(view.query, "value") or "",
        person=await asyncio.to_thread(_person, view),
    )


async def export(view: View) -> Response:
    """GET /dashboard/privacy.zip?by=user_id&value=USER: everything that is stored about the person."""
    file = await asyncio.to_thread(_archive, view)
    security_event("person_exported")
    return StreamingResponse(
        _chunks(file),
        headers=attachment(view, TEXTS("privacy.file_name"), "zip"),
        media_type="application/zip",
    )


def _selector(view: View) -> Selector | None:
    """The selector in the address, None if there is none. Raise `BadInput`."""
    value = query.text(view.query, "value")
    kind = SelectorKind(query.choice(view.query, "by", tuple(SelectorKind)))
    return None if value is None else parse_selector(**{kind.value: value})


def _person(view: View) -> SelectedPerson | None:
    selector = _selector(view)
    if selector is None:
        return None
    subject = DataSubjects(view.context.store.database).find(view.domain, selector)
    return SelectedPerson(selector.kind.value, view.query["value"], selector, subject)


def _archive(view: View) -> IO[bytes]:
    """The export as a temporary file. Raise `NotFound`."""
    selector = _selector(view)
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
