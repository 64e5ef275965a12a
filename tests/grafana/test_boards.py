"""The dashboards are well formed: identifiers, data sources, positions, units, texts, and links."""

import copy
import itertools
import re
import subprocess

import pytest
import yaml

from support.generated_clients import NODE, require_node_packages
from support.grafana import BOARDS, FOLDER, VARIABLE, panels, variables
from support.grafana_types import as_typescript

GRAPHS = ("timeseries", "stat", "state-timeline", "barchart", "bargauge", "piechart", "heatmap")
BUILT_IN = re.compile(r"__(?:rate_interval|unixEpochFilter|all)$")
each_board = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS.keys())


@each_board
def test_identifiers_and_titles_are_unique(board):
    assert re.fullmatch(r"headcount-[a-z]+", board["uid"])
    assert board["title"].startswith("Headcount / ")
    assert "id" not in board  # Grafana assigns one
    assert board["schemaVersion"] >= 39
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    titles = [panel["title"] for panel in panels(board)]
    assert len(set(titles)) == len(titles)


def test_the_boards_have_different_identifiers():
    assert len({board["uid"] for board in BOARDS.values()}) == len(BOARDS) == 2


@each_board
def test_panels_have_a_place_of_their_own_within_the_grid(board):
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24, panel["title"]
    for one, other in itertools.combinations(board["panels"], 2):
        assert not overlap(one["gridPos"], other["gridPos"]), (one["title"], other["title"])


def overlap(one, other):
    return all(
        one[start] < other[start] + other[size] and other[start] < one[start] + one[size]
        for start, size in (("x", "w"), ("y", "h"))
    )


@each_board
def test_every_panel_has_a_description_and_the_data_source_of_the_variable(board):
    for panel in panels(board):
        assert panel["description"].endswith("."), panel["title"]
        assert panel["targets"], panel["title"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs), panel["title"]
        for part in (panel, *panel["targets"]):
            assert part["datasource"]["uid"] == "${datasource}", panel["title"]


@each_board
def test_every_graph_has_a_unit_and_a_legend_or_thresholds(board):
    for panel in panels(board):
        defaults = panel["fieldConfig"]["defaults"]
        if panel["type"] in GRAPHS:
            assert defaults["unit"], panel["title"]
        if panel["type"] == "stat":
            assert defaults["thresholds"]["steps"][0]["value"] is None, panel["title"]
        if panel["type"] == "timeseries":
            assert panel["options"]["legend"]["calcs"], panel["title"]


@each_board
def test_every_override_of_a_unit_or_color_names_a_series_of_its_panel(board):
    for panel in panels(board):
        legends = [target.get("legendFormat", "") for target in panel["targets"]]
        for override in panel["fieldConfig"]["overrides"]:
            if override["matcher"]["id"] == "byName" and not any("{{" in legend for legend in legends):
                name = override["matcher"]["options"]
                texts = legends + [target.get("rawSql", "") for target in panel["targets"]]
                assert any(re.search(rf"\b{re.escape(name)}\b", text) for text in texts), (
                    panel["title"],
                    name,
                )


@each_board
def test_every_variable_is_described_and_used(board):
    text = str(board["panels"]) + str(board["annotations"]) + str(board["templating"])
    used = {one or other for one, other in VARIABLE.findall(text)}
    own = variables(board)
    assert own.keys() <= used
    assert {name for name in used - own.keys() if not BUILT_IN.match(name)} == set()
    for variable in own.values():
        assert variable["label"], variable["name"]


def test_the_boards_find_each_other():
    for board in BOARDS.values():
        assert board["tags"] == ["headcount"]
        assert [link["tags"] for link in board["links"] if link["type"] == "dashboards"] == [["headcount"]]


def test_the_compose_file_mounts_what_is_there_and_grafana_gets_every_variable_of_its_sources():
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    mounts = [
        volume for service in services.values() for volume in service.get("volumes", ()) if volume[0] == "."
    ]
    assert len(mounts) >= 3
    for mount in mounts:
        assert (FOLDER / mount.partition(":")[0]).is_dir(), mount
    provisioned = (FOLDER / "provisioning/datasources/headcount.yaml").read_text()
    used = set(re.findall(r"\$\{(\w+)\}", provisioned))
    given = services["grafana"]["environment"].keys()
    assert used == {name for name in given if name.startswith("HEADCOUNT_")}
    (provider,) = yaml.safe_load((FOLDER / "provisioning/dashboards/headcount.yaml").read_text())["providers"]
    assert f"./dashboards:{provider['options']['path']}:ro" in services["grafana"]["volumes"]


def test_the_boards_take_the_kinds_of_data_sources_that_are_provisioned():
    sources = yaml.safe_load((FOLDER / "provisioning/datasources/headcount.yaml").read_text())["datasources"]
    asked = {variables(board)["datasource"]["query"] for board in BOARDS.values()}
    assert asked == {source["type"] for source in sources}


@pytest.mark.process
def test_the_types_that_grafana_publishes_know_every_key_and_value(tmp_path):
    require_node_packages()
    (tmp_path / "boards.ts").write_text(as_typescript(BOARDS.values()))
    wrong = copy.deepcopy(next(iter(BOARDS.values())))
    panels(wrong)[0]["options"]["shape"] = "round"
    (tmp_path / "wrong.ts").write_text(as_typescript([wrong]))
    (tmp_path / "node_modules").symlink_to(NODE / "node_modules")
    options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022"]
    command = ["node", "node_modules/typescript/bin/tsc", *options, "boards.ts", "wrong.ts"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    (problem,) = [line for line in run.stdout.splitlines() if "error" in line]
    assert problem.startswith("wrong.ts")
    assert '"shape"' in problem
