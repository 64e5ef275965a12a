"""Code of vendors that is there for Node: a script of tests/node is told JSON, and tells JSON."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

NODE = Path(__file__).parent.parent / "node"


def in_node(script, **told):
    if shutil.which("node") is None or not (NODE / "node_modules").exists():
        pytest.skip("what vendors publish for Node is not here: run tests/install_node.sh")
    ran = subprocess.run(
        ["node", script], cwd=NODE, input=json.dumps(told), capture_output=True, text=True, timeout=60, check=True
    )  # fmt: skip
    return json.loads(ran.stdout)
