"""The TypeScript client: generates its types from the OpenAPI document, and compiles it. `make typescript` runs this module."""

import json
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from support import ROOT
from support.generated_clients import NODE, require_node_packages
from support.openapi import of_this_version

CLIENT = ROOT / "clients/typescript"
GENERATED = ("schema.ts", "operations.ts")
TIMEOUT_S = 120


def copy_of_client(folder):
    """Copy the client without what was built, with the libraries of the tests, and return the folder."""
    require_node_packages()
    copied = Path(folder) / "client"
    shutil.copytree(CLIENT, copied, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (copied / "node_modules").symlink_to(NODE / "node_modules")
    return copied


def generate(client):
    """Write the generated files of a client from the document of this version."""
    file = client / "openapi.json"
    file.write_text(json.dumps(of_this_version()))
    try:
        node(client, "scripts/generate.mjs", file.name, "src")
    finally:
        file.unlink()


def compile_client(client):
    """Compile a client into its folder `dist`. Errors of the types fail."""
    node(client, "node_modules/typescript/bin/tsc")


def node(folder, *arguments, **options):
    """Run Node.js, and return its output. Fail with it if it fails."""
    run = subprocess.run(
        [shutil.which("node"), *map(str, arguments)],
        cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, **options,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def build():
    """Generate and compile the client in the source tree."""
    require_node_packages()
    link = CLIENT / "node_modules"
    if not link.exists():
        link.symlink_to(Path("../../tests/node/node_modules"))
    manifest = json.loads((CLIENT / "package.json").read_text())
    (CLIENT / "package.json").write_text(
        json.dumps(manifest | {"version": version("headcount")}, indent=2) + "\n"
    )
    generate(CLIENT)
    compile_client(CLIENT)


if __name__ == "__main__":
    build()
    sys.stdout.write(f"Built {CLIENT.relative_to(ROOT)}/dist\n")
