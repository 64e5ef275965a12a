"""Download the wheels of the image's dependencies into a folder: `wheels.py 3.13 postgres FOLDER`."""

import platform
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main(python: str, extras: str, folder: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    for extra in filter(None, extras.split(",")):
        wanted += project["project"]["optional-dependencies"][extra]
    machine = platform.machine()
    tags = [f"--platform=manylinux{tag}_{machine}" for tag in ("_2_28", "_2_17", "2014")]
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--only-binary=:all:",
        "--implementation=cp", f"--python-version={python}", *tags,
        "--constraint", str(ROOT / "constraints.txt"), "--dest", folder, *wanted,
    ]  # fmt: skip
    sys.exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    main(*sys.argv[1:])
