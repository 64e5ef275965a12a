"""Health checks: what is a problem and what is not, and that `doctor` and the Health page show the same problems."""

import asyncio
import time
from types import SimpleNamespace

import pytest

from headcount.dashboard.pages.health import load, notice_of
from headcount.dashboard.texts import Texts
from headcount.engine.engine import EngineStats
from headcount.kernel.events import Event, Kind
from headcount.maintenance import doctor
from headcount.maintenance.completeness import read_completeness
from headcount.maintenance.health import (
    EndpointState,
    Finding,
    Lag,
    Problem,
    ProcessStatus,
    SourceState,
    StoreState,
    check_endpoint,
    check_process,
    check_rooms,
    check_source,
    check_stays,
    check_store,
    measure_lag,
)
from headcount.service.runtime import new_clock
from headcount.settings import read_settings
from headcount.store.records import DeferredRoom
from headcount.store.sources import DeadLetter, SourceRow, SourceStat
from headcount.store.webhooks import SENT_EVENT_TYPES, Endpoint, EndpointStatus, RetryType
from support.stored import DOMAIN, StoredEngine, entry_of

NOW = 1_800_000_000_000
HOUR = 3_600_000
MAX_LAG_S = 30
HEALTHY = ProcessStatus(
    engine_alive=True,
    lag=Lag(3, 0.2),
    engine=EngineStats(1_000, 90, 4, 2, 3, 3, 0.5),
    database_errors=0,
    duplicates=5,
    commits=9,
    commit_s=0.1,
    clock_ahead_ms=0,
)
REQUESTS = ("requests", 9, 1_000, None)


def process_problems(**changes):
    return list(check_process(HEALTHY._replace(**changes), MAX_LAG_S))


def counters(*counted):
    return {what: SourceStat("t", what, number, NOW - ago, told) for what, number, ago, told in counted}


def source(*counted, kind="jitsi", dead_letters=0, created=NOW):
    row = SourceRow("t", kind, "acme", "our server", ("word",), created=created)
    return SourceState(row, counters(*counted), dead_letters)


def source_problems(*counted, is_active=False, **fields):
    return list(check_source(source(*counted, **fields), NOW, is_active=is_active))


def endpoint(state, pending=0, failed=0):
    row = Endpoint(
        "e", "acme", "https://hooks.example/x", ("AAEC",), None, RetryType.EXPONENTIAL, (), state=state
    )
    return EndpointState(row, pending, failed)


def kinds(findings):
    return [finding.problem for finding in findings]


def test_a_healthy_process_has_no_problem():
    assert process_problems() == []
    assert process_problems(engine=None) == []


@pytest.mark.parametrize(
    ("changes", "problem", "is_error"),
    [
        ({"engine_alive": False}, Problem.ENGINE_STOPPED, True),
        ({"lag": Lag(1_234, 61.0)}, Problem.ENGINE_BEHIND, True),
        ({"database_errors": 1}, Problem.DATABASE_ERRORS, False),
        ({"clock_ahead_ms": HOUR}, Problem.CLOCK_AHEAD, False),
        ({"engine": EngineStats(200, 9, 0, 0, 20, 20)}, Problem.EVENTS_OUT_OF_SEQUENCE, False),
    ],
)
def test_a_problem_of_the_process_is_found(changes, problem, is_error):
    (only,) = process_problems(**changes)
    assert (only.problem, only.is_error) == (problem, is_error)


def test_a_little_lag_and_a_few_events_out_of_sequence_are_no_problem():
    assert process_problems(lag=Lag(10_000, 29.0)) == []
    assert process_problems(engine=EngineStats(20, 9, 0, 0, 10, 10)) == []


@pytest.mark.parametrize(
    ("counter", "problem", "is_error"),
    [
        ("rejected", Problem.SOURCE_REFUSED, True),
        ("malformed", Problem.SOURCE_MALFORMED, False),
        ("clock_ahead", Problem.SOURCE_CLOCK_AHEAD, False),
    ],
)
def test_a_bad_request_of_a_source_is_a_problem_for_a_day(counter, problem, is_error):
    (only,) = source_problems(REQUESTS, (counter, 7, HOUR, "why"))
    assert only == Finding(problem, "acme", "our server", 7, HOUR, "why")
    assert only.is_error is is_error
    assert source_problems(REQUESTS, (counter, 7, 25 * HOUR, "why")) == []


def test_a_failed_poll_is_a_problem_until_one_succeeds():
    failed = ("failed_polls", 3, 99 * HOUR, "connection refused")
    assert kinds(source_problems(REQUESTS, failed)) == [Problem.SOURCE_POLL_FAILED]
    assert source_problems(failed, ("polls", 9, 1_000, "nobody"), created=0) == []


def test_a_source_has_an_hour_for_its_first_request():
    assert source_problems(created=NOW - HOUR // 2) == []
    assert kinds(source_problems(created=NOW - 2 * HOUR)) == [Problem.SOURCE_NEVER_SENT]


def test_a_source_that_is_only_polled_need_not_send():
    assert source_problems(kind="galene", created=NOW - 2 * HOUR) == []


def test_a_silent_source_is_a_problem_only_while_meetings_are_ongoing():
    last = ("requests", 9, 30 * HOUR, None)
    assert source_problems(last) == []
    assert kinds(source_problems(last, is_active=True)) == [Problem.SOURCE_SILENT]


def test_dead_letters_are_a_problem_until_they_are_parsed():
    (only,) = source_problems(("requests", 9, 99 * HOUR, None), dead_letters=2)
    assert (only.problem, only.number) == (Problem.SOURCE_UNREADABLE, 2)


def test_open_stays_that_are_implausibly_long_are_a_warning_about_the_oldest():
    assert list(check_stays([], NOW)) == []
    (only,) = check_stays([("acme", "call-7", NOW - 900 * HOUR), ("acme", "standup", NOW - 13 * HOUR)], NOW)
    assert (only.domain, only.subject, only.number) == ("acme", "call-7", 2)
    assert (only.duration_ms, only.is_error) == (900 * HOUR, False)


def test_an_endpoint_can_be_disabled_and_have_failed_messages():
    disabled, failed = check_endpoint(endpoint(EndpointStatus.FAILED, pending=1, failed=4))
    assert (disabled.problem, disabled.number) == (Problem.WEBHOOK_DISABLED, 1)
    assert (failed.problem, failed.number) == (Problem.WEBHOOK_MESSAGES_FAILED, 4)
    assert list(check_endpoint(endpoint(EndpointStatus.ACTIVE, pending=9))) == []


def test_a_quarantined_room_is_a_problem():
    row = DeferredRoom("acme", "blue", 1, "ValueError", 3, NOW - HOUR, NOW + HOUR, "1")
    (only,) = check_rooms([row])
    assert (only.problem, only.subject, only.detail) == (Problem.ROOM_QUARANTINED, "blue", row.reason)


# The wording on the Health page.


def text_of(finding, *, state=StoreState((), (), (), frozenset()), is_admin=True):  # noqa: B008 - it is frozen
    return notice_of(finding, state, is_admin=is_admin).text


def test_every_problem_has_a_text_on_the_page():
    texts = Texts()
    assert [
        p for p in Problem if not any(texts.has(f"health.problem.{p}{end}") for end in ("", ".other"))
    ] == []


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"engine_alive": False}, "engine stopped"),
        ({"lag": Lag(1_234, 61.0)}, "1m (1,234 events) behind"),
        ({"database_errors": 1}, "rejected 1 write since"),
        ({"database_errors": 2}, "rejected 2 writes since"),
        ({"clock_ahead_ms": HOUR}, "1h ahead"),
        (
            {"engine": EngineStats(200, 9, 0, 0, 20, 20)},
            "40 of 200 join and leave events are out of sequence",
        ),
    ],
)
def test_a_problem_of_the_process_has_its_numbers_in_its_text(changes, text):
    (only,) = process_problems(**changes)
    assert text in text_of(only)


@pytest.mark.parametrize(
    ("counter", "text"),
    [
        (
            ("rejected", 1, HOUR, "no signature"),
            "1 request of source 'our server' was rejected (no signature)",
        ),
        (("rejected", 2, HOUR, None), "2 requests of source 'our server' were rejected"),
        (("malformed", 1, HOUR, "not JSON"), "neither JSON nor a form (not JSON)"),
        (("clock_ahead", 7, HOUR, "its clock is 9 s ahead of ours"), "its clock is 9 s ahead of ours. Sync"),
        (("failed_polls", 3, HOUR, "it is gone"), "failed (it is gone)"),
    ],
)
def test_a_problem_of_a_source_has_its_name_and_reason_in_its_text(counter, text):
    (only,) = source_problems(REQUESTS, counter)
    assert text in text_of(only)


def test_the_text_about_a_source_that_never_sent_names_its_documentation():
    never_sent = source(created=NOW - 2 * HOUR)
    (only,) = check_source(never_sent, NOW, is_active=False)
    text = text_of(only, state=StoreState([never_sent], (), (), frozenset()))
    assert "Source 'our server' has not sent anything yet" in text
    assert "documentation of jitsi sources" in text


def test_the_text_about_a_silent_source_says_for_how_long():
    (only,) = source_problems(("requests", 9, 30 * HOUR, None), is_active=True)
    assert "nothing for 1d, although meetings are ongoing" in text_of(only)


def test_the_text_about_dead_letters_has_their_number():
    (only,) = source_problems(REQUESTS, dead_letters=2)
    assert "2 payloads of source 'our server' could not be parsed" in text_of(only)


def test_a_problem_of_an_endpoint_has_a_button_that_solves_it():
    state = StoreState((), [endpoint(EndpointStatus.FAILED, 1, 4)], (), frozenset())
    disabled, failed = (notice_of(one, state, is_admin=True) for one in check_store(state, NOW))
    assert "is disabled after repeated failures. 1 message is queued" in disabled.text
    assert "4 messages to https://hooks.example/x failed" in failed.text
    assert [notice.action[0] for notice in (disabled, failed)] == [
        "/settings/webhooks/e/enable",
        "/settings/webhooks/e/resend",
    ]


def test_a_problem_of_a_source_has_the_command_that_shows_its_cause():
    state = StoreState([source()], (), (), frozenset())
    (failed,) = source_problems(REQUESTS, ("failed_polls", 3, HOUR, None))
    assert notice_of(failed, state, is_admin=True).command == "source poll 'our server' --domain acme"


def test_the_address_of_an_endpoint_is_shown_to_admins_only():
    state = StoreState((), [endpoint(EndpointStatus.FAILED, 1)], (), frozenset())
    (disabled,) = check_store(state, NOW)
    assert "hooks.example" in text_of(disabled, state=state)
    assert "hooks.example" not in text_of(disabled, state=state, is_admin=False)


# Both places show the same.


@pytest.fixture
def unhealthy(tmp_path):
    """A store with a problem of every kind that a store can have."""
    now = time.time_ns() // 1_000_000
    engine = StoredEngine(tmp_path)
    store = engine.store
    for token, created in (("busy", now), ("new", now - 2 * HOUR), ("quiet", now - 50 * HOUR)):
        store.sources.add(SourceRow(token, "jitsi", DOMAIN, token, ("word",), created=created))
    store.sources.add_stats(
        [
            SourceStat("busy", "requests", 9, now - HOUR),
            SourceStat("busy", "rejected", 2, now - HOUR, "no signature"),
            SourceStat("busy", "malformed", 1, now - HOUR, "not JSON"),
            SourceStat("busy", "clock_ahead", 1, now - HOUR, "its clock is 9 s ahead of the server's clock"),
            SourceStat("busy", "failed_polls", 1, now - HOUR, "connection refused"),
            SourceStat("quiet", "requests", 1, now - 49 * HOUR),
        ]
    )
    store.sources.add_dead_letter(DeadLetter(0, "busy", now, "/", {}, b"{}", "no room"))
    for uuid, state in (("good", EndpointStatus.ACTIVE), ("bad", EndpointStatus.FAILED)):
        store.endpoints.add(
            Endpoint(
                uuid,
                DOMAIN,
                f"https://{uuid}.example/",
                ("AAEC",),
                None,
                RetryType.EXPONENTIAL,
                SENT_EVENT_TYPES,
                state=state,
            )
        )
    join = entry_of(Event(Kind.JOIN, "blue", now - 13 * HOUR, "ann"), now - HOUR)
    nameless = entry_of(Event(Kind.JOIN, "red", now - HOUR, "bob"), now - HOUR)._replace(participant_id=None)
    store.log.append([[join, nameless]])
    engine.show(now)
    behind = entry_of(Event(Kind.LEAVE, "blue", now - HOUR // 2, "ann"), now - HOUR // 2)
    store.log.append([[behind]])
    yield SimpleNamespace(store=store, path=engine.path, engine=engine.engine, now=now)
    engine.close()


def test_doctor_and_the_health_page_show_the_same_problems(unhealthy):
    status = HEALTHY._replace(lag=measure_lag(unhealthy.store, unhealthy.engine.cursor, unhealthy.now))
    page = asyncio.run(load(view_of(unhealthy, status)))
    on_page = sorted((notice.finding.problem, notice.finding.subject) for notice in page.notices)
    lines = doctor.examine(read_settings({"database": str(unhealthy.path)}, {}), new_clock().now())
    in_doctor = sorted(
        (line.finding.problem, line.finding.subject) for line in lines if line.finding is not None
    )
    assert in_doctor == on_page
    assert {problem for problem, _ in on_page} == set(Problem) - OF_THE_PROCESS - {
        Problem.WEBHOOK_MESSAGES_FAILED
    }
    assert [line for line in lines if line.finding is not None and line.is_ok] == []


OF_THE_PROCESS = {
    Problem.ENGINE_STOPPED, Problem.DATABASE_ERRORS, Problem.CLOCK_AHEAD, Problem.EVENTS_OUT_OF_SEQUENCE,
}  # fmt: skip
"""Problems that only the process itself can find."""


def view_of(unhealthy, status):
    """What a request for the Health page has."""
    context = SimpleNamespace(
        store=unhealthy.store,
        settings=read_settings({}, {}),
        unsaved_counters=list,
        recent_events=dict,
        process_status=lambda: status,
        completeness=lambda domain: read_completeness(unhealthy.store, domain, unhealthy.now, 0, 15_000),
    )
    return SimpleNamespace(
        context=context, domain=DOMAIN, now=unhealthy.now, visitor=SimpleNamespace(is_admin=True)
    )
