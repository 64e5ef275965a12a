"""Clients of the API that common generators make from the OpenAPI document: a Python package and TypeScript types."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from support import TESTS

NODE = TESTS / "node"
TIMEOUT_S = 120
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*")


class PythonClient:
    """The package that openapi-python-client generates. Warnings of the generator fail."""

    def __init__(self, document, folder):
        self._folder = folder
        config = folder / "config.yaml"
        config.write_text("post_hooks: []\n")
        command = Path(sys.executable).with_name("openapi-python-client")
        run = subprocess.run(
            [command, "generate", "--path", document, "--meta", "none", "--output-path", folder / "generated_client",
             "--config", config, "--fail-on-warning"],
            capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stdout + run.stderr
        assert "arning" not in run.stdout + run.stderr

    def parse(self, tag, operation_id, response):
        """The models that the client makes of a response, as JSON again."""
        sys.path.insert(0, str(self._folder))
        try:
            module = importlib.import_module(f"generated_client.api.{snake(tag)}.{snake(operation_id)}")
            client = importlib.import_module("generated_client").Client(
                "http://test", raise_on_unexpected_status=True
            )
            copy = httpx.Response(response.status_code, headers=response.headers, content=response.content)
            return to_json(module._parse_response(client=client, response=copy))  # noqa: SLF001 - `sync` sends requests
        finally:
            sys.path.remove(str(self._folder))


def snake(name):
    return re.sub(r"(?<=[a-z])(?=[A-Z])|-", "_", name).lower()


def to_json(model):
    if isinstance(model, list):
        return [to_json(item) for item in model]
    return model.to_dict() if hasattr(model, "to_dict") else model


def with_instants(value):
    """JSON with its times in one form: generated clients write +00:00 for Z."""
    if isinstance(value, dict):
        return {key: with_instants(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_instants(item) for item in value]
    if isinstance(value, str) and DATE_TIME.fullmatch(value):
        return datetime.fromisoformat(value)
    return value


class TypeScriptTypes:
    """The types that openapi-typescript generates. Warnings of the generator fail."""

    PRELUDE = """import type { paths } from "./api";
type Answer<P extends keyof paths, M extends keyof paths[P], S extends number> =
  paths[P][M] extends { responses: Record<S, { content: infer C }> } ? C[keyof C] : never;
"""

    def __init__(self, document, folder):
        require_node_packages()
        self._folder = folder
        run = self._node("openapi-typescript", document, "-o", folder / "api.d.ts")
        assert run.returncode == 0, run.stdout + run.stderr
        assert "arning" not in run.stdout + run.stderr

    def check(self, answers):
        """The errors of `tsc --strict` for answers: (path, method, status, JSON) each."""
        lines = [
            f"export const answer{n}: Answer<{json.dumps(path)}, {json.dumps(method)}, {status}> = {json.dumps(answer)};"
            for n, (path, method, status, answer) in enumerate(answers)
        ]
        file = self._folder / "answers.ts"
        file.write_text(self.PRELUDE + "\n".join(lines) + "\n")
        return self._node("tsc", "--strict", "--noEmit", file).stdout

    def _node(self, command, *arguments):
        return subprocess.run(
            [NODE / "node_modules/.bin" / command, *arguments],
            capture_output=True, text=True, timeout=TIMEOUT_S, check=False, cwd=NODE,
        )  # fmt: skip


def require_node_packages():
    """Missing packages fail in CI, and are skipped elsewhere with the command that installs them."""
    if shutil.which("node") is None or not (NODE / "node_modules/typescript").exists():
        message = "the packages for Node.js are not installed: tests/install_node.sh installs them"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
