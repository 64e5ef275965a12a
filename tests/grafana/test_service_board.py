"""The dashboard and the alerts of the service, in a real Prometheus that scrapes two processes on one PostgreSQL."""

import re
import threading
import time
from contextlib import ExitStack

import httpx2 as httpx
import promql_parser
import pytest
import yaml

from support import ROOT
from support.grafana import BOARDS, panel_queries, variables, with_variables
from support.livekit_source import added, person, sent, webhook
from support.poll_vendor import KEY, SECRET, LiveKit
from support.prometheus import RULES, Prometheus
from support.running_service import PATIENCE_S, Running
from support.servers import Postgres
from support.service_processes import Processes, kill
from support.waiting import wait_until
from support.webhook_receivers import answers, receiving

pytestmark = pytest.mark.process

BOARD = BOARDS["headcount-service"]
VALUES = {"job": "headcount", "instance": ".+", "__rate_interval": "4s", "datasource": "prometheus"}
METRICS = (ROOT / "docs/reference/metrics.md").read_text()
OF_PROMETHEUS = {"up", "ALERTS"}


class Deployment:
    """Two processes on a PostgreSQL of their own, with a polled source, webhook receivers and a stream."""

    def __init__(self, folder, stack):
        self.database = Postgres()
        stack.callback(self.database.end)
        url = self.database.database()
        self.services = []
        for name in ("one", "two"):
            (folder / name).mkdir()
            running = Running(
                folder / name, url, events_per_5s=0, min_stay_s=0, late_grace_s=1, webhook_allowed_networks="127.0.0.0/8"
            )  # fmt: skip
            stack.callback(running.stop)
            self.services.append(running.start())
        for service in self.services:
            service.key = self.services[0].key
        self.livekit = LiveKit()
        stack.callback(self.livekit.close)
        self.good = stack.enter_context(receiving())
        self.bad = stack.enter_context(receiving(answers(500)))

    def receive_everything(self):
        """Cause what the panels show: events, duplicates, inbound requests of each result, polls, webhooks and a stream."""
        first, secret = self.services[0], f"{KEY}:{SECRET}"
        for receiver in (self.good, self.bad):
            body = {"url": receiver.url, "retryType": "circuit-breaker", "eventTypes": ["meeting.started"]}
            assert first.client().post("/webhooks", json=body).status_code == 200
        self.livekit.join("blue", "ann")  # no webhook reports her
        self.livekit.join("standup", "bob")
        polled = ("--secret", secret, "--poll", self.livekit.url, "--poll-interval", "1s")
        path = added(first, "livekit", *polled)
        joined = webhook("participant_joined", participant=person("bob", 1_700_000_000))
        assert sent(first, path, joined, secret=secret).status_code == 200
        assert sent(first, path, joined, secret=f"{KEY}:another").status_code == 401
        nameless = joined._replace(body=b'{"event": "participant_joined", "room": {}}')
        assert sent(first, path, nameless, secret=secret).json()["status"] == "dead_letter"
        for number in range(4):
            self.send(number, room=f"room-{number}")

    def send(self, number, room="red"):
        """Send an event twice, to each process."""
        event = {"room": room, "kind": "join", "participant_id": f"p-{number}", "id": f"e-{number}"}
        for service in self.services:
            with service.client() as client:
                assert client.post("/events?wait=true", json=event, timeout=PATIENCE_S).status_code == 200


@pytest.fixture
def monitored(tmp_path):
    with ExitStack() as stack:
        deployment = Deployment(tmp_path, stack)
        prometheus = Prometheus(tmp_path, deployment.services)
        stack.callback(prometheus.end)
        wait_until(lambda: prometheus.value("sum(up)") == 2)
        deployment.receive_everything()
        numbers = iter(range(100, 1_000_000))
        seen = threading.Event()

        def keep_sending():  # rates need events between two scrapes
            with (
                deployment.services[0].client() as client,
                client.stream("GET", "/stream", timeout=PATIENCE_S),
            ):
                while not seen.wait(0.2):
                    deployment.send(next(numbers))

        sender = threading.Thread(target=keep_sending)
        sender.start()
        try:
            queries = board_queries()
            wait_until(
                lambda: not empty(prometheus, queries), message=lambda: str(empty(prometheus, queries))
            )
            wait_until(lambda: prometheus.value("max(headcount_webhook_endpoints_disabled)") == 1)
            wait_until(lambda: prometheus.value("sum(headcount_streams_open)") == 1)
        finally:
            seen.set()
            sender.join()
        yield deployment, prometheus


def board_queries():
    annotations = [(one["name"], one["expr"]) for one in BOARD["annotations"]["list"]]
    queries = [(query.place, query.text) for query in panel_queries(BOARD, "expr")]
    return [(place, with_variables(text, VALUES)) for place, text in queries + annotations]


def rules():
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


ONLY_AFTER_A_CHANGE = {"Process starts", "Leader changes"}


def empty(prometheus, queries):
    """Return the places of the queries that give nothing, or only what is not a number, since the server was started."""
    now = time.time()
    return [
        place
        for place, query in queries
        if place not in ONLY_AFTER_A_CHANGE
        and not any(
            value != "NaN"
            for series in prometheus.get("/query_range", query=query, start=now - 120, end=now, step=1)[
                "result"
            ]
            for _, value in series["values"]
        )
    ]


def selectors(node):
    """Yield each selector in a parsed query."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "args", "vector_selector", "param"):
        child = getattr(node, name, None)
        for one in child if isinstance(child, list) else [child]:
            if one is not None:
                yield from selectors(one)


def grouped_by(node):
    """Yield each label by which a part of a parsed query groups, with the metrics of that part."""
    modifier = getattr(node, "modifier", None)
    if isinstance(node, promql_parser.AggregateExpr) and modifier is not None:
        for label in modifier.labels:
            yield label, {selector.name for selector in selectors(node)}
    for name in ("expr", "lhs", "rhs", "args"):
        child = getattr(node, name, None)
        for one in child if isinstance(child, list) else [child]:
            if one is not None:
                yield from grouped_by(one)


def require_every_metric_and_label_of_the_queries(monitored):
    _, prometheus = monitored
    alerts = [(rule["alert"], rule["expr"]) for rule in rules()]
    series = {}
    names = set()
    for place, query in board_queries() + alerts:
        parsed = promql_parser.parse(query)
        found = list(selectors(parsed))
        assert found, place
        for selector in found:
            if selector.name in OF_PROMETHEUS:
                continue
            names.add(selector.name)
            labels = exposed_labels(prometheus, selector.name, series)
            for matcher in selector.matchers.matchers:
                assert matcher.name in labels, (place, matcher.name)
                if matcher.op == promql_parser.MatchOp.Equal and matcher.name != "job":
                    assert matcher.value in labels[matcher.name], (place, matcher.value)
        for label, metrics in grouped_by(parsed):
            for metric in metrics - OF_PROMETHEUS:
                assert label in exposed_labels(prometheus, metric, series), (place, label)
    assert len(names) > 40


def exposed_labels(prometheus, name, known):
    """Return the labels of a metric in the running servers, with their values."""
    if name not in known:
        known[name] = {}
        for one in prometheus.get("/series", **{"match[]": name}):
            for label, value in one.items():
                known[name].setdefault(label, set()).add(value)
        assert known[name], f"no server exposes {name}"
    return known[name]


def test_every_metric_of_the_reference_is_on_the_board():
    shown = str(board_queries())
    documented = re.findall(r"^\| `(\w+)` \|", METRICS, re.MULTILINE)
    left_out = {name for name in documented if name not in shown}
    assert left_out == {
        "process_virtual_memory_bytes",
        "headcount_engine_process_virtual_memory_bytes",
        "headcount_engine_process_start_time_seconds",
    }


def require_labels_of_legends(monitored):
    _, prometheus = monitored
    for query in panel_queries(BOARD, "expr"):
        for label in re.findall(r"{{(\w+)}}", query.legend):
            now = time.time()
            text = with_variables(query.text, VALUES)
            found = prometheus.get("/query_range", query=text, start=now - 120, end=now, step=1)["result"]
            assert found, query.place
            assert all(label in one["metric"] for one in found), query.place


def require_values_of_variables(monitored):
    _, prometheus = monitored
    offered = {
        name: label_values(prometheus, with_variables(variable["query"]["query"], VALUES))
        for name, variable in variables(BOARD).items()
        if variable["type"] == "query"
    }
    assert offered["job"] == ["headcount"]
    assert len(offered["instance"]) == 2


def label_values(prometheus, query):
    """Return what Grafana offers for a variable with `label_values(selector, label)`."""
    selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", query).groups()
    return prometheus.get(f"/label/{label}/values", **{"match[]": selector})


def require_sensible_numbers(monitored):
    """A scrape may time out on a busy machine, so the current values are those of a moment at which all are right."""
    _, prometheus = monitored
    expected = {
        "Processes up, A": lambda value: value == 2,
        "Leader, A": lambda value: value == 1,
        "Participants, A": lambda value: value >= 5,
        "Active rooms, A": lambda value: value >= 6,
        "Engine lag, A": lambda value: 0 <= value < 30,
        "Firing alerts, A": lambda value: value == 0,
        "Disabled endpoints, A": lambda value: value == 1,
    }
    queries = dict(board_queries())

    def wrong():
        values = {place: prometheus.value(queries[place]) for place in expected}
        return {
            place: value for place, value in values.items() if value is None or not expected[place](value)
        }

    wait_until(lambda: not wrong(), message=lambda: str(wrong()))
    now = time.time()
    for place, query in board_queries():
        for series in prometheus.get("/query_range", query=query, start=now - 60, end=now, step=1)["result"]:
            assert all(value == "NaN" or float(value) >= 0 for _, value in series["values"]), place
    top = prometheus.value('max_over_time(sum(rate(headcount_events_total{result="duplicate"}[4s]))[2m:1s])')
    assert 0.1 < top < 1_000


def require_alerts_of_states_and_counts_after_a_failover(monitored):
    deployment, prometheus = monitored
    expected = {"HeadcountSourceRejected", "HeadcountDeadLetters", "HeadcountWebhookDisabled"}
    wait_until(lambda: prometheus.alerts() == expected, message=lambda: str(prometheus.alerts()))

    rooms = deployment.services[0].client().get("/presence").json()
    participants = sum(len(room) for room in rooms.values())
    wait_until(lambda: prometheus.value("max(headcount_participants_active)") == participants)
    leader = next(one for one in deployment.services if "headcount_engine_leader 1.0" in metrics(one))
    (other,) = (one for one in deployment.services if one is not leader)
    leader.kill()
    wait_until(lambda: "headcount_engine_leader 1.0" in metrics(other))
    wait_until(
        lambda: prometheus.value("sum(headcount_engine_leader)") == 1 and prometheus.value("sum(up)") == 1
    )
    wait_until(
        lambda: prometheus.alerts() - expected == {"HeadcountDown"}, message=lambda: str(prometheus.alerts())
    )
    wait_until(lambda: prometheus.value("max(headcount_participants_active)") == participants)
    changed = next(one["expr"] for one in BOARD["annotations"]["list"] if one["name"] == "Leader changes")
    assert prometheus.get("/query", query=with_variables(changed, VALUES))["result"]

    deployment.database.pause()
    try:
        wait_until(
            lambda: "HeadcountDatabaseDown" in prometheus.alerts(), message=lambda: str(prometheus.alerts())
        )
    finally:
        deployment.database.resume()
    wait_until(lambda: "HeadcountDatabaseDown" not in prometheus.alerts())
    kill(Processes(other).supervisor)  # it starts no other engine, and the process stops
    other.process.wait(PATIENCE_S)
    wait_until(lambda: prometheus.value("sum(up)") == 0)


def metrics(service):
    try:
        return httpx.get(f"{service.url}/metrics", timeout=PATIENCE_S).text
    except httpx.TransportError:
        return ""


def test_the_dashboard_and_the_alerts_read_a_real_deployment_right(monitored):
    """One test, because the deployment takes long to start. Its steps follow the order in which the deployment changes."""
    require_every_metric_and_label_of_the_queries(monitored)
    require_labels_of_legends(monitored)
    require_values_of_variables(monitored)
    require_sensible_numbers(monitored)
    require_alerts_of_states_and_counts_after_a_failover(monitored)
