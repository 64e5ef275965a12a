"""The wheel and the sdist: every file that is needed, no other, and the same bytes wherever they are built."""

import os
import re
import shutil
import subprocess
import tarfile
import tomllib
import zipfile
from email.parser import Parser

import pytest

from support import ROOT
from support.local_index import PYTHONS, build, copy_of_sources, run

pytestmark = pytest.mark.process

SOME_DATA = (
    "headcount/py.typed",
    "headcount/store/sql/migrations/0001-schema.sql",
    "headcount/store/sql/meetings.sql",
    "headcount/dashboard/templates/base.html",
    "headcount/dashboard/static/headcount.css",
    "headcount/dashboard/texts/meeting.toml",
    "headcount/http/openapi.css",
)
METADATA = ("METADATA", "WHEEL", "entry_points.txt", "licenses/LICENSE", "RECORD")
OF_A_SDIST = {
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "constraints.txt",
    "pyproject.toml",
    "PKG-INFO",
    ".gitignore",
}
MAX_WHEEL_BYTES = 2_000_000
EPOCH = 1_780_000_000


def tracked():
    """The files of the package that are in the repository, or would be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "src/headcount"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return {name.removeprefix("src/") for name in listed.splitlines() if (ROOT / name).exists()}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sdist and the wheel, built from two copies of the sources that differ in times, modes and place."""
    folder = tmp_path_factory.mktemp("built")
    first = copy_of_sources(folder / "a")
    second = copy_of_sources(folder / "elsewhere" / "b")
    for path in second.rglob("*.sql"):
        path.chmod(0o600)
        os.utime(path, (1, 1))
    return (
        build(first, folder / "first", "sdist", "wheel", epoch=EPOCH),
        build(second, folder / "second", "sdist", "wheel", epoch=EPOCH),
    )


def test_two_builds_have_the_same_bytes(built):
    first, second = built
    assert [file.name for file in first] == [file.name for file in second]
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_the_wheel_has_the_files_of_the_package_and_no_other(built):
    (wheel,) = [file for file in built[0] if file.suffix == ".whl"]
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    base = wheel.name.removesuffix("-py3-none-any.whl")
    assert set(SOME_DATA) <= tracked()
    assert names == tracked() | {f"{base}.dist-info/{name}" for name in METADATA}
    assert wheel.stat().st_size < MAX_WHEEL_BYTES


def test_the_sdist_has_what_a_wheel_is_built_from_and_no_more(built):
    (sdist,) = [file for file in built[0] if file.name.endswith(".tar.gz")]
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    assert names == {f"src/{name}" for name in tracked()} | OF_A_SDIST


def test_a_wheel_from_the_sdist_is_the_wheel(built, tmp_path):
    sdist, wheel = sorted(built[0], key=lambda file: file.suffix)
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (tree,) = tmp_path.iterdir()
    (again,) = build(tree, tmp_path / "again", epoch=EPOCH)
    assert again.read_bytes() == wheel.read_bytes()


def test_make_dist_writes_the_same_checksums_wherever_it_runs(tmp_path):
    """Without the Debian package and the image, which tests/deploy builds."""
    sums = []
    for name in ("one", "two"):
        tree = copy_of_sources(tmp_path / name)
        shutil.copy(ROOT / "Makefile", tree)
        (tree / ".venv").symlink_to(ROOT / ".venv")
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), "PIP_NO_INDEX": "1"}
        run("make", "-o", ".venv/.serving", "dist", "PACKAGES=", cwd=tree, environment=environment)
        run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=tree / "dist")
        sums.append((tree / "dist/SHA256SUMS").read_text())
    assert len(sums[0].splitlines()) == 2
    assert sums[0] == sums[1]


def test_the_metadata_names_the_command_the_extras_and_the_oldest_python(built):
    (wheel,) = [file for file in built[0] if file.suffix == ".whl"]
    with zipfile.ZipFile(wheel) as archive:
        folder = wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"
        metadata = Parser().parsestr(archive.read(f"{folder}/METADATA").decode())
        assert "headcount = headcount.cli:run" in archive.read(f"{folder}/entry_points.txt").decode()
    assert metadata["Requires-Python"] == ">=3.11"
    assert {"batch", "postgres", "kafka"} <= set(metadata.get_all("Provides-Extra"))
    assert "Quick start" in metadata.get_payload()


def test_the_docs_name_the_supported_pythons_and_the_extras():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    minors = [name.rpartition(" ")[2] for name in project["classifiers"] if ":: 3." in name]
    assert set(PYTHONS) <= set(minors)
    assert f"| Python | {', '.join(minors)} |" in (ROOT / "docs/reference/versioning.md").read_text()
    install = (ROOT / "docs/how-to/install.md").read_text()
    of_clusters = {"kafka", "spark"}  # docs/how-to/cluster.md installs them
    extras = set(project["optional-dependencies"]) - of_clusters - {"dev"}
    assert [name for name in sorted(extras) if f"| `{name}` |" not in install] == []


def test_the_version_has_its_sections_in_the_changelog_and_the_upgrade_notes():
    version = re.escape(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(
        rf"^## Unreleased$.*^## {version} \(\d{{4}}-\d\d-\d\d\)$", changelog, re.MULTILINE | re.DOTALL
    )
    assert re.search(rf"^## {version}$", (ROOT / "docs/upgrade-notes.md").read_text(), re.MULTILINE)
