"""Clients of the API that common generators make from the OpenAPI document, in Python, TypeScript and Go."""

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
GO_TIMEOUT_S = 900
"""Go downloads and compiles the generator at first."""
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[\d.:Z+-]*")
_SDK_CONFIG = {
    "plugins": [
        "@hey-api/typescript",
        "@hey-api/client-fetch",
        "zod",
        {"name": "@hey-api/sdk", "validator": True},
    ],
}
_COMPILER_OPTIONS = {
    "strict": True, "skipLibCheck": True, "target": "es2022", "module": "commonjs", "outDir": "out",
}  # fmt: skip


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


class TypeScriptClients:
    """What openapi-typescript, for openapi-fetch, and hey-api with zod generate. Warnings of the generators fail."""

    PRELUDE = """import createClient from "openapi-fetch";
import { createClient as createSdkClient } from "./sdk/client";
import * as sdk from "./sdk/sdk.gen";
import type { paths } from "./api";
type Answer<P extends keyof paths, M extends keyof paths[P], S extends number> =
  paths[P][M] extends { responses: Record<S, { content: infer C }> } ? C[keyof C] : never;
declare const process: { env: Record<string, string>; exitCode: number };
const { BASE_URL: baseUrl, KEY: key } = process.env;
const client = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${key}` } });
const sdkClient = createSdkClient({ baseUrl, auth: key });
async function report(name: string, answer: Promise<{ data?: unknown; error?: unknown }>) {
  const { data, error } = await answer.catch((error) => ({ data: undefined, error }));
  if (data === undefined || error !== undefined) console.log(name, error?.message ?? error);
}
"""

    def __init__(self, document, folder):
        require_node_packages()
        self._folder = folder
        (folder / "node_modules").symlink_to(NODE / "node_modules")
        config = folder / "openapi-ts.config.mjs"
        options = _SDK_CONFIG | {"input": str(document), "output": str(folder / "sdk")}
        config.write_text(f"export default {json.dumps(options)};\n")
        (folder / "tsconfig.json").write_text(
            json.dumps({"compilerOptions": _COMPILER_OPTIONS, "include": ["*.ts", "sdk"]})
        )
        for command in (["openapi-typescript", document, "-o", "api.d.ts"], ["openapi-ts", "-f", config]):
            run = self._node(*command)
            assert run.returncode == 0, run.stdout + run.stderr
            assert "arning" not in run.stdout + run.stderr

    def check(self, answers):
        """The errors of `tsc --strict` for answers: (path, method, status, JSON) each."""
        lines = [
            f"export const answer{n}: Answer<{json.dumps(path)}, {json.dumps(method)}, {status}> = {json.dumps(answer)};"
            for n, (path, method, status, answer) in enumerate(answers)
        ]
        return self._compile(lines)

    def parse(self, answers):
        """What zod's schemas report of answers: (operation id, status, JSON) each."""
        assert self._compile([]) == ""
        named = [
            (f"z{operation_id[0].upper()}{operation_id[1:]}Response" if status == 200 else "zError", answer)
            for operation_id, status, answer in answers
        ]
        return self._run(
            [shutil.which("node"), NODE / "schemas.cjs", self._folder / "out/sdk/zod.gen.js"],
            json.dumps(named),
        )

    def read(self, requests, base_url, key):
        """What both clients report of GET requests to a service: (operation id, path, values in the path, query) each."""
        lines = []
        for operation_id, path, values, query in requests:
            parts = {name: part for name, part in (("path", values), ("query", query)) if part}
            lines += [
                f'await report("openapi-fetch, {operation_id}", client.GET({json.dumps(path)}, {json.dumps({"params": parts})}));',
                f'await report("hey-api, {operation_id}", sdk.{operation_id}({{client: sdkClient, ...{json.dumps(parts)}}}));',
            ]
        problems = self._compile(["(async () => {", *lines, "})();"])
        assert problems == ""
        return self._run(
            [shutil.which("node"), self._folder / "out/main.js"], env={"BASE_URL": base_url, "KEY": key}
        )

    def _compile(self, lines):
        (self._folder / "main.ts").write_text(self.PRELUDE + "\n".join(lines) + "\n")
        return self._node("tsc", "-p", self._folder).stdout

    def _node(self, command, *arguments):
        return subprocess.run(
            [NODE / "node_modules/.bin" / command, *arguments],
            capture_output=True, text=True, timeout=TIMEOUT_S, check=False, cwd=self._folder,
        )  # fmt: skip

    @staticmethod
    def _run(command, text="", env=None):
        run = subprocess.run(
            command, input=text, env=env, capture_output=True, text=True, timeout=TIMEOUT_S, check=True
        )
        return run.stdout


class GoClient:
    """The package that oapi-codegen generates, and a program that reads answers with it. Warnings fail."""

    GENERATOR = "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2"
    MODULE = "module clients\n\ngo 1.25\n\nrequire github.com/oapi-codegen/runtime v1.9.0\n"
    PROGRAM = """package main

import (
	"bytes"
	"clients/api"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
)

type answer struct {
	Operation string
	Status    int
	Body      json.RawMessage
}

var parsers = map[string]func(*http.Response) (any, error){
%s}

func main() {
	var answers []answer
	if err := json.NewDecoder(os.Stdin).Decode(&answers); err != nil {
		panic(err)
	}
	for _, one := range answers {
		response := &http.Response{
			StatusCode: one.Status,
			Header:     http.Header{"Content-Type": {"application/json"}},
			Body:       io.NopCloser(bytes.NewReader(one.Body)),
		}
		parsed, err := parsers[one.Operation](response)
		if err != nil {
			fmt.Println(one.Operation, err)
			os.Exit(1)
		}
		value := reflect.ValueOf(parsed).Elem()
		for n := range value.NumField() {
			if strings.HasPrefix(value.Type().Field(n).Name, "JSON") && !value.Field(n).IsNil() {
				text, _ := json.Marshal(value.Field(n).Interface())
				fmt.Println(string(text))
			}
		}
	}
}
"""

    def __init__(self, document, folder):
        self._program = find_go()
        self._folder = folder
        (folder / "go.mod").write_text(self.MODULE)
        (folder / "api").mkdir()
        run = self._go(
            "run",
            self.GENERATOR,
            "-generate",
            "types,client",
            "-package",
            "api",
            "-o",
            "api/api.gen.go",
            document,
        )
        assert "arning" not in run.stdout + run.stderr
        self._go("vet", "-mod=mod", "./...")

    def parse(self, answers):
        """The models that the client makes of answers, as JSON again: (operation id, status, JSON) each."""
        names = {operation_id for operation_id, *_ in answers}
        parsers = "".join(
            f'\t"{name}": func(r *http.Response) (any, error) {{ return api.Parse{name[0].upper()}{name[1:]}Response(r) }},\n'
            for name in sorted(names)
        )
        (self._folder / "main.go").write_text(self.PROGRAM % parsers)
        given = [{"Operation": name, "Status": status, "Body": body} for name, status, body in answers]
        return [
            json.loads(line)
            for line in self._go("run", "-mod=mod", ".", text=json.dumps(given)).stdout.splitlines()
        ]

    def _go(self, *arguments, text=""):
        run = subprocess.run(
            [self._program, *arguments],
            input=text,
            capture_output=True,
            text=True,
            timeout=GO_TIMEOUT_S,
            check=False,
            cwd=self._folder,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run


def without_nulls(value):
    """JSON without what is `null`: Go's models have no difference between that and an absent field."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def find_go():
    """The path of a Go that can build the generator. Without one, the test fails in CI, and is skipped elsewhere."""
    for path in (shutil.which("go"), TESTS.parent / "build/go/go/bin/go"):
        found = re.match(r"go1\.(\d+)", _go_version(path))
        if found is not None and int(found[1]) >= 25:
            return path
    message = "Go 1.25 or newer is not installed: tests/install_servers.sh installs it"
    return (pytest.fail if os.environ.get("CI") else pytest.skip)(message)


def _go_version(path):
    if path is None or not Path(path).exists():
        return ""
    run = subprocess.run([path, "env", "GOVERSION"], capture_output=True, text=True, check=False)
    return run.stdout


def require_node_packages():
    """Missing packages fail in CI, and are skipped elsewhere with the command that installs them."""
    if shutil.which("node") is None or not (NODE / "node_modules/zod").exists():
        message = "the packages for Node.js are not installed: tests/install_node.sh installs them"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
