"""The Helm chart: linted and rendered by Helm, validated against the schemas of Kubernetes, and compared with files for review.

`UPDATE_CHART=1` writes the rendered files again; then read the diff.
"""

import json
import os
import re
import subprocess
import sys

import pytest
import yaml

from headcount.settings import SOURCE_VARIABLES, TABLE, read_settings
from support import ROOT, TESTS

pytestmark = pytest.mark.process

CHART = ROOT / "deploy/helm/headcount"
FOLDER = TESTS / "deploy/helm"
CASES = sorted(path.name.removesuffix(".values.yaml") for path in FOLDER.glob("*.values.yaml"))
HELM = ROOT / "build/helm/helm"
SCHEMAS = ROOT / "build/kubernetes-validate"
KUBERNETES = ("1.25", "1.37")
"""The oldest version that the chart supports, and the newest one whose schemas there are."""
CUSTOM = {"ServiceMonitor"}
PATIENCE_S = 120


@pytest.fixture(scope="module", autouse=True)
def _programs():
    if not (HELM.exists() and SCHEMAS.exists()):
        reason = "Helm is missing: run tests/install_deploy.sh"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def helm(*arguments, check=True):
    command = [HELM, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=check)


def rendered(*flags):
    """Render the chart as the release `meetings`."""
    return helm("template", "meetings", CHART, "--namespace", "video", *flags).stdout


def resources(text):
    return {one["kind"]: one for one in yaml.safe_load_all(text) if one}


def container(found):
    server = found.get("Deployment") or found["StatefulSet"]
    (only,) = server["spec"]["template"]["spec"]["containers"]
    return server, only


@pytest.mark.parametrize("case", CASES)
def test_a_chart_is_valid_and_renders_the_reviewed_resources(case, tmp_path):
    values = FOLDER / f"{case}.values.yaml"
    helm("lint", "--strict", CHART, "--values", values)
    text = rendered("--values", values)
    golden = FOLDER / f"{case}.yaml"
    if os.environ.get("UPDATE_CHART"):
        golden.write_text(text)
    assert text == golden.read_text()
    known = tmp_path / "known.yaml"
    found = resources(text)
    known.write_text(yaml.safe_dump_all(one for kind, one in found.items() if kind not in CUSTOM))
    for version in KUBERNETES:
        command = [sys.executable, "-m", "kubernetes_validate", "-k", version, "--strict", known]
        environment = {**os.environ, "PYTHONPATH": str(SCHEMAS)}
        checked = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_S, env=environment, check=False
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
    server, only = container(found)
    labels = server["spec"]["template"]["metadata"]["labels"]
    for kind in ("Service", "PodDisruptionBudget", "ServiceMonitor"):
        if kind in found:
            selector = found[kind]["spec"]["selector"]
            assert (selector.get("matchLabels") or selector).items() <= labels.items(), kind
    names = [one["name"] for one in only["env"]]
    assert len(names) == len(set(names))
    # The server itself reads the variables.
    known = {setting.variable for setting in TABLE} | {
        "STATE_DIRECTORY",
        "HEADCOUNT_ADMIN_KEY",
        "HEADCOUNT_ENCRYPTION_KEY",
    }
    assert [name for name in names if name not in known and not name.startswith(SOURCE_VARIABLES)] == []
    settings = read_settings(
        {},
        {
            one["name"]: one.get("value", "postgresql://headcount@db/headcount")
            for one in only["env"]
            if one["name"] in known - {"HEADCOUNT_ENCRYPTION_KEY"}
        },
    )
    assert (settings["host"], settings["port"], settings["log_format"]) == (
        "0.0.0.0",
        only["ports"][0]["containerPort"],
        "json",
    )


def test_sqlite_has_one_replica_with_a_volume_and_postgresql_several_without():
    server, only = container(resources(rendered()))
    assert (server["kind"], server["spec"]["replicas"]) == ("StatefulSet", 1)
    assert [one["metadata"]["name"] for one in server["spec"]["volumeClaimTemplates"]] == ["state"]
    assert {"name": "HEADCOUNT_DATABASE", "value": "/var/lib/headcount/headcount.db"} in only["env"]
    postgres = ("--set", "postgres.existingSecret=db", "--set", "replicas=3")
    server, only = container(resources(rendered(*postgres)))
    assert (server["kind"], server["spec"]["replicas"]) == ("Deployment", 3)
    reference = {"secretKeyRef": {"name": "db", "key": "url"}}
    assert {"name": "HEADCOUNT_DATABASE", "valueFrom": reference} in only["env"]


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (("--set", "replicas=2"), "SQLite serves one replica"),
        (("--set", "replica=2"), "replica"),
        (("--set", "settings.database=x"), "settings.database: the chart sets it"),
        (("--set", "ingress.enabled=true"), "host"),
        (("--set", "sources.livekit.settings.poll=http://x"), "kind"),
    ],
)
def test_values_that_make_no_sense_are_refused(flags, reason):
    refused = helm("template", "meetings", CHART, *flags, check=False)
    assert refused.returncode != 0
    assert reason in refused.stderr


def test_the_chart_has_the_version_of_the_server():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    assert (chart["version"], chart["appVersion"]) == (version, version)


def test_every_value_has_its_place_in_the_schema():
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert values.keys() == schema["properties"].keys() - {"global"}
