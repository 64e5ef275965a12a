"""The Debian package: built twice, installed in a root file system of Debian, started as its unit is, upgraded, removed and purged."""

import os
import re
import shutil
import subprocess
import sys
import tarfile

import httpx2 as httpx
import pytest

from support import ROOT
from support.debian_base import base_tar
from support.servers import free_port
from support.unit_sandbox import UID, Unit

pytestmark = pytest.mark.process

PATIENCE_S = 300
UNIT = ROOT / "deploy/systemd/headcount.service"
MAX_EXPOSURE = 15
"""Of 100. systemd calls up to 20 OK."""
NEXT = "0.1.1"
VARIABLE = re.compile(r"dist-info/|/headcount/changelog\.gz$|/doc/headcount/NEWS")
"""Files with the version."""


def required(program):
    if shutil.which(program) is None or os.geteuid() != 0:
        reason = f"needs root and {program}: tests/install_deploy.sh installs it"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return program


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False, **options)
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_unit_is_valid_and_exposes_little(tmp_path):
    required("systemd-analyze")
    # The rest of the unit is checked where the program is not installed.
    copy = tmp_path / "headcount.service"
    copy.write_text(re.sub(r"^(ExecStart)=\S+", r"\1=/bin/true", UNIT.read_text(), flags=re.MULTILINE))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", copy],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert "headcount.service" not in checked.stderr
    run("systemd-analyze", "security", "--offline=true", f"--threshold={MAX_EXPOSURE}", copy)


def copied_sources(folder):
    """Copy what the package is built from: others may change the sources meanwhile."""
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "constraints.txt", "README.md", "LICENSE", "CHANGELOG.md"):
        shutil.copy(ROOT / name, source / name)
    for name in ("src", "deploy"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    return source


def build(source, version, folder):
    """Build the package of a version in a folder, and return its path."""
    project = source / "pyproject.toml"
    text = re.sub(r'^version = ".*"$', f'version = "{version}"', project.read_text(), flags=re.MULTILINE)
    project.write_text(text)
    wheels = ROOT / "build/deb/wheels"
    command = [sys.executable, source / "deploy/debian/build.py", "--wheels", wheels, "--output", folder]
    return run(*command, env={**os.environ, "SOURCE_DATE_EPOCH": "1772442000"}).strip()


@pytest.fixture
def packages(tmp_path):
    """The packages of this version and of the next one."""
    required("dpkg-deb")
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    source = copied_sources(tmp_path)
    return build(source, version, tmp_path / "first"), build(source, NEXT, tmp_path / "next")


@pytest.fixture
def root(tmp_path):
    required("systemd-analyze")
    folder = tmp_path / "root"
    folder.mkdir()
    run("tar", "-C", folder, "--exclude=./dev/*", "-xf", base_tar("bookworm"))
    return folder


def inside(root, *command, environment=None):
    return run("chroot", root, *command, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **(environment or {})})


def files_of(root):
    """All paths, except for those of dpkg itself and of its log."""
    skipped = ("var/lib/dpkg", "var/log", "run", "proc", "dev", "serve.log")
    return {
        path
        for folder, folders, names in os.walk(root)
        for path in (os.path.relpath(f"{folder}/{name}", root) for name in [*folders, *names])
        if not path.startswith(skipped)
    }


def owners(folder):
    return {path.name: path.lstat().st_uid for path in folder.iterdir()}


def content(package):
    """Return all members of a package: the header of each, and the bytes of those without a version in them."""
    process = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE)
    members = {}
    with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
        for member in archive:
            name = re.sub(r"headcount-[\d.]+\.dist-info", "headcount.dist-info", member.name)
            data = (
                archive.extractfile(member).read()
                if member.isfile() and not VARIABLE.search(member.name)
                else b""
            )
            members[name] = (member.mode, member.uid, member.gid, member.mtime, member.linkname, data)
    process.wait(PATIENCE_S)
    return members


def assert_same_files(packages):
    """The same sources give the same files, whatever the directory: only the version differs."""
    first, following = map(content, packages)
    assert first.keys() == following.keys()
    assert [name for name in first if first[name] != following[name]] == []
    assert {member[3] for member in first.values()} == {1_772_442_000}
    assert [name for name, member in first.items() if b"/tree/usr/lib/headcount" in member[-1]] == []


def test_a_server_is_installed_from_the_package_upgraded_and_removed(packages, root):
    assert_same_files(packages)
    before = files_of(root)
    for number, package in enumerate(packages):
        shutil.copy(package, root / f"tmp/{number}.deb")
    inside(root, "dpkg", "--force-unsafe-io", "-i", "/tmp/0.deb")
    port = free_port()
    (root / "etc/default/headcount").write_text(f"HEADCOUNT_PORT={port}\nHEADCOUNT_READS_PER_5S=0\n")
    (root / "etc/headcount/headcount.toml").write_text(
        (root / "etc/headcount/headcount.toml").read_text() + 'timezone = "Europe/Berlin"\n'
    )
    unit = Unit(root, "usr/lib/systemd/system/headcount.service")
    try:
        unit.start()
        url = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{url}/readyz", timeout=30).text == "ok\n"
        keys = inside(
            root, "headcount", "key", "create", "--scope", "admin", "--scope", "ingest", "--scope", "read"
        )
        headers = {"Authorization": f"Bearer {re.search('hc_[A-Za-z0-9_-]{32}', keys)[0]}"}
        event = {
            "room": "standup",
            "kind": "join",
            "participant_id": "c-1",
            "user_id": "u-1",
            "user_name": "Ann",
        }
        sent = httpx.post(f"{url}/v1/events?wait=true", json=event, headers=headers, timeout=30)
        assert sent.status_code == 200, sent.text
        assert unit.stop() == 0
        # What root does meanwhile leaves nothing that the service cannot open.
        inside(root, "headcount", "key", "create", "--scope", "read")
        inside(root, "headcount", "privacy", "erase", "--user", "u-2", "--yes")
        inside(root, "headcount", "backup", "-o", "/root/copy.db")
        assert set(owners(unit.state).values()) == {UID}, owners(unit.state)

        inside(root, "dpkg", "--force-unsafe-io", "-i", "/tmp/1.deb")
        unit.start()
        assert httpx.get(f"{url}/version", timeout=30).json() == {"version": NEXT}
        presence = f"{url}/v1/rooms/standup/presence"
        present = httpx.get(presence, headers=headers, timeout=30).json()["data"]
        assert [one["userName"] for one in present] == ["Ann"]
        assert "Europe/Berlin" in inside(root, "headcount", "config")
        assert unit.stop() == 0

        (old := unit.state / "old").mkdir()
        for file in [one for one in unit.state.iterdir() if one.name.startswith("headcount.db")]:
            file.rename(old / file.name)
        inside(root, "headcount", "restore", "/root/copy.db")
        unit.start()
        again = httpx.get(presence, headers=headers, timeout=30).json()["data"]
        assert [one["joinTime"] for one in again] == [one["joinTime"] for one in present]
        assert unit.stop() == 0
    finally:
        unit.kill()
    inside(root, "dpkg", "-r", "headcount")
    assert not (root / "usr/lib/headcount").exists()
    assert (unit.state / "headcount.db").exists()
    inside(root, "dpkg", "-P", "headcount")
    assert files_of(root) - before == {"tmp/0.deb", "tmp/1.deb", "root/copy.db", "var/lib/private"}
