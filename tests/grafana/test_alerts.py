"""The alert rules: promtool checks and tests them, and each has a severity, texts, and a section of the documentation."""

import re
import subprocess

import pytest
import yaml

from support import ROOT
from support.prometheus import RULES, program

TESTS_OF_RULES = ROOT / "tests/grafana/alerts_test.yaml"
PAGE = (ROOT / "docs/how-to/monitor-with-prometheus.md").read_text()
ALERTS = {
    rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
}
each_alert = pytest.mark.parametrize("name", ALERTS)


def promtool(*arguments):
    return subprocess.run(
        [program("promtool"), *map(str, arguments)], capture_output=True, text=True, check=False
    )


@pytest.mark.process
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", RULES),
        ("check", "config", RULES.with_name("prometheus.yml")),
        ("test", "rules", TESTS_OF_RULES),
    ],
    ids=lambda arguments: " ".join(map(str, arguments[:2])),
)
def test_promtool_finds_nothing(arguments):
    run = promtool(*arguments)
    assert run.returncode == 0, run.stdout + run.stderr


@each_alert
def test_an_alert_has_a_severity_a_duration_and_texts(name):
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert re.fullmatch(r"\d+m", rule["for"])
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert all(text for text in rule["annotations"].values())


@each_alert
def test_the_runbook_of_an_alert_is_a_section_of_the_page(name):
    page, anchor = re.fullmatch(
        r"https://docs\.example\.com/headcount/(.+)\.html#(.+)", ALERTS[name]["annotations"]["runbook_url"]
    ).groups()
    assert anchor == name.lower()
    headings = re.findall(r"^#+ (\w+)$", (ROOT / f"docs/{page}.md").read_text(), re.MULTILINE)
    assert headings.count(name) == 1


def test_the_page_describes_every_alert_and_no_other():
    assert re.findall(r"^### (Headcount\w+)$", PAGE, re.MULTILINE) == list(ALERTS)


def test_every_alert_fires_in_a_test():
    fired = set(re.findall(r'alertname="?(\w+)|alertname: (\w+)', TESTS_OF_RULES.read_text()))
    assert {one or other for one, other in fired} == set(ALERTS)
