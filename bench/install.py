"""Time and size of installing: pip into an empty environment, and uvx to the first page, beside Datasette.

    python bench/install.py [--runs 3] [--without-datasette]

Both come from a folder of wheels, so the network has no part; the first run fetches those of Datasette. `tests/install_pythons.sh` provides pip,
uv and the wheels that Headcount needs. The size is that of the packages with bytecode, without pip. Each run of uvx begins with an empty cache,
and ends when a page is answered: of Headcount the dashboard of the demo, after signing in. The two alternate, and the best run of each counts.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import httpx2

from figures import record
from ingest_api import free_port

ROOT = Path(__file__).parent.parent
TOOLS = ROOT / "build/installers/bin"
WHEELS = ROOT / "build/wheelhouse"
OF_DATASETTE = ROOT / "build/wheelhouse-datasette"
LINK = re.compile(r"(http://\S+/sign-in)\?link=(\S+)")
PATIENCE_S = 120
LOOK_S = 0.02


class Product(NamedTuple):
    """What is installed: its wheels, the command that serves a page, and how the first page is asked for."""

    name: str
    requirement: str
    wheels: Path
    command: Sequence[str]
    first_page: Callable[[int, Path], bool]


def page_of_headcount(_: int, folder: Path) -> bool:
    """Sign in with the link of the demo, and return whether the dashboard answers."""
    access = folder / "demo.db.access"
    found = LINK.search(access.read_text()) if access.exists() else None
    if found is None:
        return False
    page = httpx2.post(found[1], data={"link": found[2]}, follow_redirects=True, timeout=PATIENCE_S)
    return page.status_code == 200 and "Headcount" in page.text


def page_of_datasette(port: int, _: Path) -> bool:
    return httpx2.get(f"http://127.0.0.1:{port}/", timeout=PATIENCE_S).status_code == 200


def products(folder: Path, *, with_datasette: bool) -> list[Product]:
    """Build the wheel of this tree, and return what to install."""
    wheels = folder / "wheels"
    shutil.copytree(WHEELS, wheels, copy_function=os.link)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", wheels],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    demo = ("headcount", "demo", "--database", "demo.db", "--port")
    found = [Product("Headcount", "headcount", wheels, demo, page_of_headcount)]
    if with_datasette:
        if not OF_DATASETTE.exists():
            pin = (ROOT / "bench/datasette.txt").read_text().split()[0]
            subprocess.run(
                [TOOLS / "pip", "wheel", "--quiet", "--wheel-dir", OF_DATASETTE, pin, "setuptools"],
                check=True,
            )
        serve = ("datasette", "--memory", "--port")
        found.append(Product("Datasette", "datasette", OF_DATASETTE, serve, page_of_datasette))
    return found


def environment(product: Product, folder: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PIP_", "UV_", "PYTHON", "HEADCOUNT_"))
    }
    return kept | {
        "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(product.wheels), "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_NO_CONFIG": "1", "UV_OFFLINE": "1", "UV_FIND_LINKS": str(product.wheels), "UV_CACHE_DIR": str(folder / "cache"),
        "UV_PYTHON_DOWNLOADS": "never",
    }  # fmt: skip


def pip_install(product: Product, folder: Path) -> tuple[float, float]:
    """Install into an empty environment; return the seconds, and the megabytes of its packages."""
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    command = [TOOLS / "pip", "--python", venv, "install", "--quiet", product.requirement]
    began = time.monotonic()
    subprocess.run(command, env=environment(product, folder), check=True)
    seconds = time.monotonic() - began
    return seconds, sum(file.stat().st_size for file in venv.rglob("*") if file.is_file()) / 1e6


def uvx(product: Product, folder: Path) -> float:
    """Run by uvx, and return the seconds to the first page."""
    port = free_port()
    command = [TOOLS / "uvx", "--python", sys.executable, *product.command, str(port)]
    began = time.monotonic()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(product, folder),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        while not answered(product, port, folder):
            if process.poll() is not None or time.monotonic() - began > PATIENCE_S:
                sys.exit(f"{product.name} answered nothing:\n{(folder / 'log').read_text()}")
            time.sleep(LOOK_S)
        return time.monotonic() - began
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(PATIENCE_S)


def answered(product: Product, port: int, folder: Path) -> bool:
    try:
        return product.first_page(port, folder)
    except httpx2.TransportError:
        return False


def measure(product: Product) -> tuple[float, float, float, float]:
    """Return the seconds and megabytes of pip, and the seconds of uvx with an empty cache, and again."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds, megabytes = pip_install(product, folder)
        first = uvx(product, folder)
        for file in folder.glob("demo.db*"):
            file.unlink()
        return seconds, megabytes, first, uvx(product, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--without-datasette", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        some = products(Path(name), with_datasette=not asked.without_datasette)
        runs = [[measure(product) for product in some] for _ in range(asked.runs)]
    best = [tuple(map(min, zip(*of_one, strict=True))) for of_one in zip(*runs, strict=True)]
    print(f"{'':<42}" + "".join(f"{product.name:>12}" for product in some))
    lines = ("pip install from local wheels", "packages", "uvx to the first page, empty cache", "uvx again")
    for number, (line, unit) in enumerate(zip(lines, ("s", "MB", "s", "s"), strict=True)):
        print(f"{line:<42}" + "".join(f"{values[number]:>9.1f} {unit:<2}" for values in best))
    ours = best[0]
    record("install_s", ours[0])
    record("install_mb", ours[1])
    record("uvx_demo", ours[2])


if __name__ == "__main__":
    main()
