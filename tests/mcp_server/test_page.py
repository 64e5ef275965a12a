"""docs/how-to/ask-from-agents.md is true: its configurations work, and its tables are complete."""

import json
import re

from headcount.mcp_server import answers
from headcount.mcp_server.tools import TOOLS
from support import ROOT
from support.mcp_client import arguments_for

PAGE = (ROOT / "docs/how-to/ask-from-agents.md").read_text()


def configurations():
    blocks = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    return [json.loads(block)["mcpServers"]["headcount"] for block in blocks]


def test_the_tests_start_the_server_as_the_page_configures_it():
    stdio, http = configurations()
    assert stdio["command"] == "headcount"
    assert stdio["args"] == arguments_for("https://headcount.example.com")
    assert list(stdio["env"]) == ["HEADCOUNT_API_KEY"]
    assert http["url"].endswith("/mcp")
    assert http["headers"]["Authorization"].startswith("Bearer ")


def test_every_tool_is_listed_with_its_limit():
    listed = re.findall(r"^\| `(\w+)` \| .*? \| (\d+) ", PAGE, re.MULTILINE)
    assert dict(listed) == dict.fromkeys(TOOLS, "50")


def test_every_field_of_certainty_is_listed():
    rows = re.findall(
        r"^\| (`.*?`) \|", PAGE.partition("has `certainty`:")[2].partition("\n## ")[0], re.MULTILINE
    )
    listed = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert listed == set(answers.Certainty.model_fields)
