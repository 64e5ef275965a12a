"""Machine code is stored where only this user can write, or not at all, and compiling works in any case."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from headcount.batch.passes import cache
from support import ROOT


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """The directory beside the package, which cannot be created."""
    (tmp_path / "package").write_text("a file")
    monkeypatch.setattr(cache, "_BESIDE", tmp_path / "package/__pycache__")
    return tmp_path / "package/__pycache__"


@pytest.fixture
def user_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/headcount"


def test_code_is_stored_beside_the_package(tmp_path, monkeypatch, user_cache):
    monkeypatch.setattr(cache, "_BESIDE", tmp_path / "__pycache__")
    cache.write("code", b"abc")
    assert cache.read("code") == b"abc"
    assert [path.name for path in (tmp_path / "__pycache__").iterdir()] == ["code"]
    assert not user_cache.exists()


@pytest.mark.usefixtures("beside")
def test_code_is_stored_in_the_cache_of_the_user_if_the_package_is_not_writable(user_cache):
    assert cache.read("code") is None
    cache.write("code", b"abc")
    assert cache.read("code") == b"abc"
    assert [path.name for path in user_cache.iterdir()] == ["code"]
    assert user_cache.stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize("size", [0, 1, 31, 32, 34])
def test_a_damaged_file_is_not_loaded_and_is_replaced(user_cache, size):
    cache.write("code", b"abc")
    path = user_cache / "code"
    path.write_bytes(path.read_bytes()[:size])
    assert cache.read("code") is None
    cache.write("code", b"abc")
    assert cache.read("code") == b"abc"


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize("home", ["a file/home", "relative"])
def test_nothing_is_stored_if_nothing_is_writable(tmp_path, monkeypatch, capsys, home):
    (tmp_path / "a file").write_text("")
    monkeypatch.setattr(cache, "_is_silent", False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / home) if "/" in home else home)
    cache.write("code", b"abc")
    assert cache.read("code") is None
    assert "XDG_CACHE_HOME" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a file", "package"]


@pytest.mark.usefixtures("beside")
def test_code_of_others_is_not_loaded(user_cache):
    cache.write("code", b"abc")
    user_cache.chmod(0o777)
    assert cache.read("code") is None
    cache.write("other", b"abc")
    assert [path.name for path in user_cache.iterdir()] == ["code"]


@pytest.mark.usefixtures("beside")
@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a directory away")
def test_code_in_a_directory_of_another_user_is_not_loaded(user_cache):
    cache.write("code", b"abc")
    os.chown(user_cache, 65_534, 65_534)
    assert cache.read("code") is None


@pytest.mark.usefixtures("beside")
def test_an_incomplete_file_is_deleted(user_cache, monkeypatch):
    def fail(path, content):
        path.open("wb").write(content[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    cache.write("code", b"abc")
    assert list(user_cache.iterdir()) == []


def test_a_silent_command_prints_nothing(monkeypatch, capsys):
    monkeypatch.setattr(cache, "_is_silent", False)
    cache.announce()
    assert capsys.readouterr().err.startswith("Compiling once, about ")
    cache.silence()
    cache.announce()
    assert capsys.readouterr().err == ""


@pytest.mark.process
def test_a_large_file_is_processed_although_nothing_is_writable(tmp_path):
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "src/headcount/batch/passes/__pycache__").write_text("no directory")
    program = (
        "import sys; from headcount.batch.io import small_files;"
        "small_files.SMALL_BYTES = small_files.SMALL_EVENTS = -1;"
        "from headcount.cli import main; main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, "sessionize", ROOT / "docs/examples/monday.csv"],
        env={"PYTHONPATH": str(tmp_path / "src"), "HOME": "/dev/null", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("Compiling once, about ")
    assert "XDG_CACHE_HOME" in done.stderr
    assert len(done.stdout.splitlines()) == 3
