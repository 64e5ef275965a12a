"""Time from the start of a container to ready, and size of the image.

    python bench/container.py [--runs 5]

The image is built on Debian's packages. A run starts a rootless container with an empty volume, and again with the database that it has then.
Ready means that /readyz responds with 200. Both include the time of Podman. The CPU time is that of the processes in the container until
then: it depends less on what else the machine does. Before a cold start, root empties the caches of the system, so
everything is read from the disk. The last line is the same command outside of a container. Installs nothing: see tests/install_containers.sh.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import httpx2

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from figures import record
from support import ROOT
from support.containers import ImageStore, Podman
from support.servers import free_port

LOOK_S, PATIENCE_S = 0.005, 120


def image_name() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return f"localhost/headcount:{project['version']}"


def empty_caches() -> None:
    os.sync()
    if os.geteuid() == 0:
        Path("/proc/sys/vm/drop_caches").write_text("3")


def seconds_until_ready(start: Callable[[int], None]) -> float:
    """Return the seconds from the call until the server on the port is ready."""
    port = free_port()
    began = time.monotonic()
    start(port)
    while time.monotonic() - began < PATIENCE_S:
        try:
            if httpx2.get(f"http://127.0.0.1:{port}/readyz", timeout=PATIENCE_S).status_code == 200:
                return time.monotonic() - began
        except httpx2.TransportError:
            time.sleep(LOOK_S)
    sys.exit("the server is not ready")


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and its children so far."""
    ticks = sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return ticks / os.sysconf("SC_CLK_TCK") + sum(cpu_seconds(int(child)) for child in children)


def in_container(podman: Podman, image: str, volume: str) -> tuple[float, float]:
    """Return the seconds until ready, and the CPU time."""
    seconds = seconds_until_ready(
        lambda port: podman.run(
            image,
            "bench",
            "--no-healthcheck",
            f"--volume={volume}:/var/lib/headcount",
            HEADCOUNT_HOST="127.0.0.1",
            HEADCOUNT_PORT=port,
        )
    )
    cpu = cpu_seconds(podman.state("bench")["Pid"])
    podman("rm", "--force", "--time=10", "bench")
    return seconds, cpu


def as_process() -> float:
    with tempfile.TemporaryDirectory() as folder:
        started: list[subprocess.Popen[bytes]] = []
        command = [ROOT / ".venv/bin/headcount", "serve", "--database", f"{folder}/headcount.db", "--port"]
        seconds = seconds_until_ready(
            lambda port: started.append(subprocess.Popen([*command, str(port)], stderr=subprocess.DEVNULL))
        )
        started[0].terminate()
        started[0].wait(PATIENCE_S)
        return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    podman, image = Podman(), image_name()
    with tempfile.TemporaryDirectory() as name:
        store = ImageStore(name)
        try:
            archive = store.build(ROOT, podman.folder / "image.tar")
            archive.chmod(0o644)
            podman("load", "--quiet", "--input", archive)
            found: dict[str, list[float]] = {}
            for number in range(runs):
                for what, volume in (
                    ("cold start, empty volume", f"volume-{number}"),
                    ("warm start, empty volume", f"warm-{number}"),
                    ("warm start, with a database", f"warm-{number}"),
                ):
                    if what.startswith("cold"):
                        empty_caches()
                    seconds, cpu = in_container(podman, image, volume)
                    found.setdefault(what, []).append(seconds)
                    found.setdefault(f"{what}, CPU time", []).append(cpu)
                found.setdefault("the command without a container", []).append(as_process())
            size = int(podman("image", "inspect", "--format={{.Size}}", image)) / 1e6
            base = int(store.size("localhost/base")) / 1e6
        finally:
            store.close()
            podman.close()
    print(f"{'':<36}{'best':>8}{'median':>9}{'worst':>8}")
    for what, seconds in found.items():
        print(f"{what:<36}{min(seconds):>6.2f} s{statistics.median(seconds):>7.2f} s{max(seconds):>6.2f} s")
    print(f"{'image':<36}{size:>6.0f} MB, of which the base is {base:.0f} MB")
    record("container_cold", statistics.median(found["cold start, empty volume"]))
    record("image_mb", size)


if __name__ == "__main__":
    main()
