"""The image of this clone, and rootless containers of it. Root runs them as an ordinary user that tests/install_containers.sh creates."""

import json
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from support import ROOT
from support.debian_base import base_tar

USER = "headcount-tests"
LIMIT_S = 300
_NO_UNIFIED_CGROUPS = 'umount /sys/fs/cgroup/unified 2> /dev/null; exec "$@"'
"""crun refuses a machine with both versions of cgroups, unless it does not see the second."""
_OPTIONS = (
    "--runtime=crun",
    "--cgroup-manager=cgroupfs",
)
_RUN_OPTIONS = (
    "--cgroups=disabled",
    "--network=host",
    "--ulimit=nofile=1024:1024",
    "--ulimit=nproc=1000:1000",
    "--read-only",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
)


def require_container_tools():
    """Without the tools, the test fails in CI and is skipped elsewhere."""
    missing = [name for name in ("buildah", "podman", "crun", "newuidmap") if shutil.which(name) is None]
    if os.geteuid() == 0 and not any(user.pw_name == USER for user in pwd.getpwall()):
        missing.append(f"the user {USER}")
    if missing:
        reason = (
            f"{', '.join(missing)} missing: tests/install_containers.sh installs what the containers need"
        )
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


class ImageStore:
    """Builds images in a store of its own, on a base of Debian's packages, without network."""

    def __init__(self, folder):
        self.folder = Path(folder)
        configuration = self.folder / "storage.conf"
        driver = "overlay" if os.geteuid() == 0 else "vfs"
        configuration.write_text(
            f'[storage]\ndriver = "{driver}"\ngraphroot = "{self.folder}/images"\nrunroot = "{self.folder}/run"\n'
        )
        self._environment = {**os.environ, "CONTAINERS_STORAGE_CONF": str(configuration)}
        self._run("podman", "import", "--quiet", base_tar("trixie"), "localhost/base")
        (self.folder / "wheels").mkdir()
        self._run(
            ROOT / ".venv/bin/python",
            ROOT / "deploy/image/wheels.py",
            "3.13",
            "postgres",
            self.folder / "wheels",
        )

    def build(self, tree, archive, *flags):
        """Build the image of a tree, and write it to an archive."""
        variables = {"BASE": "localhost/base", "WHEELS": str(self.folder / "wheels"), "OUTPUT": str(archive)}
        self._run(tree / "deploy/image/build.sh", *flags, variables=variables)
        return archive

    def size(self, image):
        """Return the size of an image in bytes."""
        command = ["podman", "image", "inspect", "--format={{.Size}}", image]
        return int(run(command, environment=self._environment).stdout)

    def close(self):
        """Delete the images, whose files lie in mounts and belong to several users."""
        self._run("buildah", "rmi", "--all", "--force")

    def _run(self, *command, variables=None):
        run([str(part) for part in command], environment=self._environment | (variables or {}))


class Podman:
    """Rootless Podman with a store of its own."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="headcount-podman-"))
        self._as_user = []
        self._environment = {"PATH": f"{os.environ['PATH']}:/usr/sbin", "HOME": str(self.folder)}
        if os.geteuid() == 0:
            user = pwd.getpwnam(USER)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as_user = [
                "unshare", "--mount", "sh", "-c", _NO_UNIFIED_CGROUPS, "sh",
                "setpriv", f"--reuid={USER}", f"--regid={user.pw_gid}", "--init-groups", "--inh-caps=-all",
            ]  # fmt: skip

    def __call__(self, *arguments, check=True):
        """Run a command of Podman, and return what it prints. Without `check`, return the finished process."""
        places = (f"--root={self.folder}/images", f"--runroot={self.folder}/run", "--storage-driver=overlay")
        command = [*self._as_user, "podman", *places, *_OPTIONS, *map(str, arguments)]
        done = run(command, environment=self._environment, check=check, folder=self.folder)
        return done.stdout.strip() if check else done

    def run(self, image, name, *flags, **variables):
        """Start a container in the background, with the hardest options that the docs recommend."""
        given = [f"--env={key}={value}" for key, value in variables.items()]
        return self("run", "--detach", f"--name={name}", *_RUN_OPTIONS, *given, *flags, image)

    def run_to_end(self, image, *flags, **variables):
        """Run a container that is expected to fail, and return its exit code and log."""
        given = [f"--env={key}={value}" for key, value in variables.items()]
        done = self("run", "--rm", "--no-healthcheck", *_RUN_OPTIONS, *given, *flags, image, check=False)
        return done.returncode, done.stderr

    def state(self, name):
        """Return the state of a container."""
        return json.loads(self("inspect", name))[0]["State"]

    def close(self):
        """Remove all containers and volumes, and delete the store."""
        self("rm", "--all", "--force", "--time=0", "--volumes", check=False)
        if not self._as_user:
            self("unshare", "rm", "-rf", self.folder / "images", check=False)
        self("system", "migrate", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def run(command, *, environment, check=True, folder=None):
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    if check and done.returncode:
        pytest.fail(
            f"{' '.join(map(str, command[-12:]))} ended with {done.returncode}:\n{done.stderr[-3000:]}"
        )
    return done
