"""The docs of the service are complete: every setting, route, metric and command is on a page."""

import re

import httpx2 as httpx
import pytest

from headcount.errors import BadInput
from headcount.settings import TABLE, read_settings
from support import ROOT, reference
from support.running_service import headcount

DOCS = ROOT / "docs"
METRICS = (DOCS / "reference/metrics.md").read_text()
REST_API = (DOCS / "reference/rest-api.md").read_text()


@pytest.mark.parametrize("page", [reference.SETTINGS, reference.CLI], ids=lambda page: page.stem)
def test_the_generated_parts_of_the_reference_are_current(page):
    assert page.read_text() == reference.current_page(page), "run 'make docs-reference'"


def documented_metrics():
    """Name, type and labels of each row of the tables."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|(.*?)\| ", METRICS, re.MULTILINE)
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def exposed_metrics(text):
    """Name, type and labels of each metric in the text exposition."""
    found = {}
    for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE):
        sample = re.search(rf"^{name}(?:_bucket)?{{(.*)}} ", text, re.MULTILINE)
        labels = set(re.findall(r'(\w+)="', sample[1])) - {"le"} if sample else None
        found[name] = (kind, labels)
    return found


def test_the_table_of_metrics_is_complete_and_correct(service):
    event = {"room": "r", "kind": "join", "participant_id": "a"}
    service.client().post("/events?wait=true", json=event)  # the engine has started
    exposed = exposed_metrics(httpx.get(f"{service.url}/metrics", timeout=10).text)
    documented = documented_metrics()
    assert documented.keys() == exposed.keys()
    for name, (kind, labels) in exposed.items():
        assert documented[name][0] == kind, name
        if labels is not None:
            assert documented[name][1] == labels, name


def test_the_api_reference_has_every_operation_and_no_other(service):
    paths = httpx.get(f"{service.url}/openapi.json", timeout=10).json()["paths"]
    operations = {f"{method.upper()} /v1{path}" for path, methods in paths.items() for method in methods}
    documented = set(re.findall(r"^`([A-Z]+ /\S+)` ·", REST_API, re.MULTILINE))
    assert documented == operations


@pytest.mark.parametrize("setting", TABLE, ids=lambda setting: setting.name)
def test_a_setting_is_read_from_each_place_and_the_nearest_wins(setting, tmp_path):
    value = {
        "database": "x.db",
        "encryption_key_file": "keys.txt",
        "log": "kafka://k.example:9092/events",
        "engine": "off",
        "archive": "s3://bucket/archive",
        "erasure_list": "erased.list",
        "host": "::1",
        "api_prefix": "/api",
        "domain": "d",
        "public_url": "https://h.example",
        "room_url": "https://m.example/{room}",
        "trusted_proxies": "10.1.0.0/16",
        "webhook_allowed_networks": "10.1.0.0/16",
        "webhook_ca_file": "ours.pem",
        "timezone": "Asia/Kathmandu",
        "max_attributes": 100,
        "max_attribute_key_length": 100,
        "usage_attributes": ("plan", "region"),
    }.get(setting.name)
    if value is None:
        value = {"durability": "normal", "access_log": "off", "log_level": "debug", "log_format": "json"}.get(
            setting.name, 1_000
        )
    file = tmp_path / "headcount.toml"
    written = list(value) if isinstance(value, tuple) else value
    file.write_text(f"{setting.name} = {written!r}".replace("'", '"'))
    default = setting.kind.show(setting.default)
    assert read_settings({}, {})[setting.name] == setting.default
    by_file = read_settings({}, {}, str(file))
    assert by_file[setting.name] == value
    assert by_file.origins[setting.name] == f"{file}, {setting.name}"
    by_variable = read_settings({}, {setting.variable: default}, str(file))
    assert by_variable[setting.name] == setting.default
    assert by_variable.origins[setting.name] == setting.variable
    by_flag = read_settings({setting.name: setting.kind.show(value)}, {setting.variable: default})
    assert (by_flag[setting.name], by_flag.origins[setting.name]) == (value, setting.flag)


WRONG = [
    ({"port": "abc"}, {}, "--port: expected a whole number from 0 to 65,535, got 'abc'"),
    ({}, {"HEADCOUNT_PORT": "70000"}, "HEADCOUNT_PORT: expected a whole number from 0 to 65,535, got '70000'"),
    ({"database": "postgres//me:s3cret@db/x"}, {}, "--database: expected the path of a file, or a URL such as postgresql://USER:PASSWORD@HOST/NAME, got 'postgres//me:***@db/x'"),
    ({"durability": "off"}, {}, "--durability: expected full or normal, got 'off'"),
    ({"api_prefix": "v1"}, {}, "--api-prefix: expected a path that starts with a slash, such as /v1, or nothing, got 'v1'"),
    ({"reset_alone_s": "nan"}, {}, "--reset-alone: expected a duration of 1s or more, such as 15s or 2m, got 'nan'"),
    ({"late_grace_s": "15"}, {}, "--late-grace: expected a duration with a unit, such as 15s, got '15'"),
    ({"granularity_s": "1.5s"}, {}, "--granularity: expected a whole number of seconds from 1s to 1h, got '1.5s'"),
    ({"max_body_bytes": "2GB"}, {}, "--max-body: expected a size from 1KB to 1GB, such as 8MB, got '2GB'"),
]  # fmt: skip


@pytest.mark.parametrize(("flags", "variables", "words"), WRONG)
def test_a_wrong_setting_is_reported_with_its_origin(flags, variables, words):
    with pytest.raises(BadInput, match=re.escape(words)):
        read_settings(flags, variables)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("late_grace_s", "2m", 120),
        ("reorder_window_s", "200ms", 0.2),
        ("max_body_bytes", "8MB", 8_000_000),
        ("webhook_retention_days", "7d", 7),
    ],
)
def test_a_value_may_have_a_unit_everywhere(name, text, value):
    assert read_settings({name: text}, {})[name] == value
    assert read_settings({}, {f"HEADCOUNT_{name.upper()}": text})[name] == value
    assert read_settings({}, {f"HEADCOUNT_{name.upper()}": str(value)})[name] == value


def test_an_unknown_setting_in_the_file_is_refused(tmp_path):
    file = tmp_path / "h.toml"
    file.write_text("prot = 1")
    with pytest.raises(BadInput, match="there is no setting 'prot'; did you mean 'port'"):
        read_settings({}, {}, str(file))


def test_config_shows_values_and_origins():
    shown = headcount("config", environment={"HEADCOUNT_PORT": "1234"}).stdout
    assert re.search(r"^port +1234 +HEADCOUNT_PORT ", shown, re.MULTILINE)
    assert re.search(r"^host +127\.0\.0\.1 +default ", shown, re.MULTILINE)


def test_other_rules_than_the_stores_are_refused_until_it_is_rebuilt(tmp_path):
    store = tmp_path / "h.db"
    headcount("import", ROOT / "docs/examples/monday.csv", "--database", store)
    refused = headcount("serve", "--database", store, "--min-stay", "5s", check=False)
    assert refused.returncode == 2
    assert "headcount rebuild" in refused.stderr
    headcount("rebuild", "--database", store, "--min-stay", "5s")
    assert headcount("rebuild", "--check", "--database", store, "--min-stay", "5s").returncode == 0
