"""The vendors' own libraries for Node.js: runs a script of tests/node and returns its JSON."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "node"
PATIENCE_S = 60


def ask(script, **question):
    """Return the answer of the script. Missing libraries fail in CI, and skip the test elsewhere with a hint."""
    node = shutil.which("node")
    if node is None or not (FOLDER / "node_modules/.installed").exists():
        message = "the vendors' libraries for Node.js are not installed: tests/install_node.sh installs them"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
    ran = subprocess.run(
        [node, FOLDER / script], input=json.dumps(question), cwd=FOLDER,
        capture_output=True, text=True, check=True, timeout=PATIENCE_S,
    )  # fmt: skip
    return json.loads(ran.stdout)
