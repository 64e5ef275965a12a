"""Health page: the findings of the health checks, each with how to fix it, and numbers of the engine, sources and webhooks.

Responsible for the wording of findings on a page, and for the buttons that fix them. Must not decide what is unhealthy:
`maintenance.health` does.
"""

import asyncio
from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any, Final, NamedTuple

from starlette.responses import Response

from headcount.dashboard import formats, page_json
from headcount.dashboard.pages.settings import is_admin
from headcount.dashboard.renderer import TEXTS, View, render
from headcount.dashboard.sanitize import local
from headcount.ingest.dead_letters import RetryResult
from headcount.ingest.source_stats import RecentEvents
from headcount.kernel.events import Ms
from headcount.maintenance.completeness import Completeness
from headcount.maintenance.health import (
    EndpointState,
    Finding,
    Problem,
    ProcessStatus,
    SourceState,
    StoreState,
    check_process,
    check_store,
    read_state,
)
from headcount.store.provenance import SenderKind
from headcount.store.sources import DeadLetterSummary
from headcount.timestamps import format_datetime

_MAX_DEAD_LETTERS: Final = 20
_COMMANDS: Final = {
    Problem.ENGINE_BEHIND: "doctor",
    Problem.SOURCE_NEVER_SENT: "source test {subject} --domain {domain}",
    Problem.SOURCE_REFUSED: "source rotate-secret {subject} --domain {domain}",
    Problem.SOURCE_POLL_FAILED: "source poll {subject} --domain {domain}",
}
_ACTIONS: Final = {
    Problem.SOURCE_UNREADABLE: ("/health/dead-letters", "health.retry"),
    Problem.WEBHOOK_DISABLED: ("/settings/webhooks/{subject}/enable", "health.reenable"),
    Problem.WEBHOOK_MESSAGES_FAILED: ("/settings/webhooks/{subject}/resend", "health.resend"),
}


class SourceRow(NamedTuple):
    """A source in the table. `recent` is None if it has sent nothing to this process.

    `complete_until` is None if the source was created a moment ago.
    """

    state: SourceState
    recent: RecentEvents | None
    unread: Sequence[DeadLetterSummary]
    complete_until: Ms | None


class Notice(NamedTuple):
    """A finding with its text, which includes how to fix it. `action` is a form that does it: path and button.

    `command` is a command that helps, without the name of the program.
    """

    finding: Finding
    text: str
    action: tuple[str, str] | None
    command: str | None


class Health(NamedTuple):
    """The content of the page."""

    process: ProcessStatus
    sources: Sequence[SourceRow]
    endpoints: Sequence[EndpointState]
    notices: Sequence[Notice]
    completeness: Completeness


async def page(view: View) -> Response:
    """GET /dashboard/health."""
    return await _render(view)


async def as_json(view: View) -> Response:
    """GET /dashboard/health.json: the same without any secret."""
    health = await load(view)
    sources = [
        {
            "kind": source.state.row.kind,
            "name": source.state.row.name,
            "last_request": _iso(source.state.last_request, view),
            "dead_letters": source.state.dead_letters,
            "complete_until": _iso(source.complete_until, view),
            "counters": {
                name: counter.total for name, counter in source.state.counters.items() if counter.total
            },
        }
        for source in health.sources
    ]
    problems = [
        {
            "problem": notice.finding.problem.value,
            "severity": "error" if notice.finding.is_error else "warning",
            "message": notice.text,
        }
        for notice in health.notices
    ]
    completeness = {
        "complete_until": _iso(health.completeness.until, view),
        "held_back_by": health.completeness.held_back_by and health.completeness.held_back_by.name,
    }
    content = {"engine": _engine_json(health.process), "completeness": completeness, "sources": sources}
    return page_json.json_response({**content, "problems": problems}, view.zone)


async def engine(view: View) -> Response:
    """GET /dashboard/health/engine: the numbers that change all the time."""
    return render(view, "_engine_status.html", process=await asyncio.to_thread(view.context.process_status))


async def retry(view: View, _: Mapping[str, str]) -> Response:
    """POST /dashboard/health/dead-letters: parse the domain's dead letters again."""
    return await _render(view, await asyncio.to_thread(view.context.retry_dead_letters, view.domain))


async def load(view: View) -> Health:
    """Return the content of the page, errors before warnings."""
    context = view.context
    unsaved, recent = context.unsaved_counters(), context.recent_events()
    state = await asyncio.to_thread(read_state, context.store, view.now, view.domain, unsaved)
    process = await asyncio.to_thread(context.process_status)
    findings = [*check_process(process, context.settings["ready_max_lag_s"]), *check_store(state, view.now)]
    findings.sort(key=lambda finding: not finding.is_error)
    completeness = await asyncio.to_thread(context.completeness, view.domain)
    return Health(
        process,
        await asyncio.to_thread(_source_rows, view, state, recent, completeness),
        state.endpoints,
        [notice_of(finding, state, is_admin=is_admin(view)) for finding in findings],
        completeness,
    )


def notice_of(finding: Finding, state: StoreState, *, is_admin: bool) -> Notice:
    """Return a finding as a sentence. The address of an endpoint is shown to admins only."""
    name = finding.subject
    values: dict[str, Any] = {"n": finding.number, "all": finding.detail}
    if finding.problem in (Problem.WEBHOOK_DISABLED, Problem.WEBHOOK_MESSAGES_FAILED):
        urls = {endpoint.row.uuid: endpoint.row.url for endpoint in state.endpoints}
        name = urls[finding.subject] if is_admin else TEXTS("health.a_webhook")
    kinds = {source.row.name: source.row.kind for source in state.sources}
    text = TEXTS(
        f"health.problem.{finding.problem}",
        name=name,
        kind=kinds.get(finding.subject, ""),
        duration=formats.age(finding.duration_ms),
        detail=finding.detail or TEXTS("health.unexplained"),
        **values,
    )
    return Notice(finding, text, _action(finding), _command(finding))


def _action(finding: Finding) -> tuple[str, str] | None:
    if finding.problem not in _ACTIONS:
        return None
    path, button = _ACTIONS[finding.problem]
    return path.format(subject=finding.subject), TEXTS(button)


def _command(finding: Finding) -> str | None:
    command = _COMMANDS.get(finding.problem)
    return (
        None
        if command is None
        else command.format(subject=quote(finding.subject), domain=quote(finding.domain))
    )


async def _render(view: View, retried: RetryResult | None = None) -> Response:
    health = await load(view)
    return render(view, "health.html", health=health, process=health.process, retried=retried)


def _source_rows(
    view: View, state: StoreState, recent: Mapping[str, RecentEvents], completeness: Completeness
) -> list[SourceRow]:
    sources = view.context.store.sources
    until = {
        one.sender.name: one.until for one in completeness.senders if one.sender.kind is SenderKind.SOURCE
    }
    return [
        SourceRow(
            source,
            recent.get(source.row.token),
            sources.latest_dead_letters(source.row.token, _MAX_DEAD_LETTERS) if source.dead_letters else (),
            until.get(source.row.name),
        )
        for source in state.sources
    ]


def _engine_json(process: ProcessStatus) -> dict[str, Any]:
    engine = process.engine
    return {
        "running": process.engine_alive,
        "unprocessed_events": process.lag.entries,
        "lag_seconds": process.lag.seconds,
        "counters": None
        if engine is None
        else {
            "events_processed": engine.entries,
            "batches": engine.batches,
            "commit_seconds": engine.commit_s,
            "late_events": engine.late,
            "corrections": engine.corrections,
            "duplicate_joins": engine.duplicate_joins,
            "leaves_without_join": engine.orphan_leaves,
        },
        "database_errors": process.database_errors,
        "duplicate_events": process.duplicates,
        "log_commits": process.commits,
        "log_commit_seconds": process.commit_s,
        "clock_ahead_seconds": process.clock_ahead_ms / 1_000,
    }


def _iso(at: int | None, view: View) -> str | None:
    return None if at is None else format_datetime(local(at, view.zone))
