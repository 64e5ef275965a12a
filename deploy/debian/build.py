"""Build the Debian package, for the Python that runs this: `build.py [--wheels FOLDER] [--output FOLDER]`.

It needs pip and dpkg-deb. The package has its own virtual environment in /usr/lib/headcount, with all dependencies as wheels. The same
sources and wheels give the same bytes; all times are SOURCE_DATE_EPOCH, by default that of the last commit.
"""

import argparse
import compileall
import gzip
import hashlib
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from email.utils import formatdate
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXTRAS = "postgres"
MAINTAINER = "Headcount developers <noreply@headcount.example>"
MAJOR, MINOR = sys.version_info[:2]
TREE = "usr/lib/headcount"
SITE = f"{TREE}/lib/python{MAJOR}.{MINOR}/site-packages"
PROGRAMS = ("usr/bin/headcount", f"{TREE}/bin/headcount", "DEBIAN/postinst", "DEBIAN/prerm", "DEBIAN/postrm")
UNUSED = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
"""What pip writes for itself; the last one has a path of this machine."""
SCRIPT = """#!/usr/lib/headcount/bin/python3 -I
import sys

from headcount.cli import run

sys.argv[0] = "/usr/bin/headcount"
sys.exit(run())
"""
COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: headcount

Files: *
Copyright: 2026 The Headcount developers
License: Apache-2.0
 On Debian systems, the full text is in /usr/share/common-licenses/Apache-2.0.
Comment: The licenses of the dependencies are in /usr/lib/headcount/lib, in a folder *.dist-info for each.
"""
OVERRIDES = """# The package has a virtual environment of its own, with wheels as they were built.
headcount: package-installs-python-pycache-dir
headcount: unstripped-binary-or-object
headcount: unusual-interpreter
headcount: wrong-path-for-interpreter
headcount: no-manual-page
"""
DESCRIPTION = """exact meeting sessions from join and leave events
 Headcount receives webhooks of video servers, such as LiveKit, Jitsi and
 BigBlueButton, and derives who was in which room, when, and for how long.
 It has a REST API, webhooks and a dashboard.
 .
 This package runs it as a service of systemd, on SQLite or PostgreSQL."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--wheels", type=Path, default=ROOT / "build/deb/wheels", help="folder of the dependencies' wheels"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="folder of the package")
    options = parser.parse_args()
    if shutil.which("dpkg-deb") is None:
        sys.exit("Building the package needs dpkg-deb, which every Debian has.")
    os.environ.setdefault("SOURCE_DATE_EPOCH", commit_time())
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        install_packages(options.wheels, tree / SITE, Path(folder))
        write_environment(tree)
        write_files(tree, version, epoch)
        write_control(tree, version)
        for path in [tree, *tree.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.relative_to(tree).as_posix() in PROGRAMS else 0o644)
            os.utime(path, (epoch, epoch), follow_symlinks=False)
        options.output.mkdir(parents=True, exist_ok=True)
        target = options.output / f"headcount_{version}_{architecture()}.deb"
        # Blocks that are compressed by several threads depend on their number.
        run("dpkg-deb", "--root-owner-group", "--threads-max=1", "-Zxz", "-z1", "--build", tree, target)
    sys.stdout.write(f"{target}\n")


def run(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{done.stdout}")
    return done.stdout.strip()


def commit_time() -> str:
    command = (shutil.which("git") or "git", "-C", ROOT, "log", "-1", "--format=%ct")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or str(int(time.time()))


def architecture() -> str:
    return run("dpkg", "--print-architecture")


def install_packages(wheels: Path, site: Path, scratch: Path) -> None:
    """Install Headcount and its dependencies into a folder, and compile all modules."""
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    wheels = downloaded(wheels)
    offline = ("--no-index", "--find-links", wheels)
    run(*pip, "wheel", *offline, "--no-deps", "--wheel-dir", scratch, ROOT)
    (built,) = scratch.glob("headcount-*.whl")
    run(*pip, "install", *offline, "--no-compile", "--target", site, f"{built}[{EXTRAS}]")
    shutil.rmtree(site / "bin", ignore_errors=True)
    for path in site.glob("*.dist-info/*"):
        if path.name in UNUSED:
            path.unlink()
    compileall.compile_dir(
        site,
        quiet=1,
        stripdir=str(site.parents[len(Path(SITE).parts) - 1]),
        prependdir="/",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def downloaded(folder: Path) -> Path:
    """Return a folder below this one with the wheels of the dependencies, which is complete: several builds may run."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = f"{MAJOR}.{MINOR} {project['build-system']} {project['project']['dependencies']} {project['project']['optional-dependencies'][EXTRAS]}"
    pins = (ROOT / "constraints.txt").read_bytes()
    wheels = folder / hashlib.sha256(wanted.encode() + pins).hexdigest()[:16]
    if not wheels.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as unfinished:
            run(
                sys.executable,
                ROOT / "deploy/image/wheels.py",
                f"{MAJOR}.{MINOR}",
                EXTRAS,
                f"{unfinished}/wheels",
            )
            with suppress(OSError):  # another build was faster
                Path(f"{unfinished}/wheels").rename(wheels)
    return wheels


def write_environment(tree: Path) -> None:
    """Write the rest of a virtual environment, as `venv` would on the machine that installs the package."""
    home = tree / TREE
    (home / "bin").mkdir()
    (home / "bin/python3").symlink_to(f"../../../bin/python{MAJOR}.{MINOR}")
    (home / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    write(home / "bin/headcount", SCRIPT)


def write_files(tree: Path, version: str, epoch: int) -> None:
    write(tree / "usr/bin/headcount", (HERE / "headcount").read_text())
    write(tree / "etc/headcount/headcount.toml", (HERE / "headcount.toml").read_text())
    unit = (HERE.parent / "systemd/headcount.service").read_text()
    write(tree / "usr/lib/systemd/system/headcount.service", unit)
    write(tree / "usr/share/lintian/overrides/headcount", OVERRIDES)
    docs = tree / "usr/share/doc/headcount"
    write(docs / "copyright", COPYRIGHT)
    write(docs / "README.md", (ROOT / "README.md").read_text())
    history = f"headcount ({version}) unstable; urgency=medium\n\n  * See NEWS.gz.\n\n -- {MAINTAINER}  {formatdate(epoch)}\n"
    for name, text in (("changelog.gz", history), ("NEWS.gz", (ROOT / "CHANGELOG.md").read_text())):
        (docs / name).write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def write_control(tree: Path, version: str) -> None:
    control = tree / "DEBIAN"
    files = sorted(path for path in installed(tree) if path.is_file() and not path.is_symlink())
    size_kb = sum(path.stat().st_size // 1024 + 1 for path in files)
    fields = {
        "Package": "headcount",
        "Version": version,
        "Architecture": architecture(),
        "Maintainer": MAINTAINER,
        "Installed-Size": size_kb,
        "Depends": f"python3 (>= {MAJOR}.{MINOR}~), python3 (<< {MAJOR}.{MINOR + 1}), init-system-helpers (>= 1.52), libc6 (>= 2.28)",
        "Recommends": "ca-certificates, systemd",
        "Suggests": "nginx | caddy, postgresql",
        "Section": "net",
        "Priority": "optional",
        "Description": DESCRIPTION,
    }
    write(control / "control", "".join(f"{name}: {value}\n" for name, value in fields.items()))
    write(control / "conffiles", "/etc/headcount/headcount.toml\n")
    sums = (
        f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {path.relative_to(tree)}\n"
        for path in files
        if path.relative_to(tree).parts[0] != "etc"
    )
    write(control / "md5sums", "".join(sums))
    for name in ("postinst", "prerm", "postrm"):
        write(control / name, (HERE / name).read_text())


def installed(tree: Path) -> Iterator[Path]:
    return (path for path in tree.rglob("*") if path.relative_to(tree).parts[0] != "DEBIAN")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


if __name__ == "__main__":
    main()
