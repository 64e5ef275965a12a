"""A unit of systemd, started in a root file system without systemd: as its user, with the parts of its sandbox that can be had so.

The root is read-only except for the state directory. The process has no capabilities and no new privileges, and the system calls that
`SystemCallFilter` and `MemoryDenyWriteExecute` refuse, fail in the kernel's way. `Type=notify` works.
"""

import configparser
import os
import shlex
import socket
import subprocess
import sys

UID = 64_123
"""Of the range from which systemd takes dynamic users."""
PATIENCE_S = 60

# Runs within the root, with what is refused as arguments: names of system calls, '--', and the command.
LAUNCHER = """
import ctypes, os, sys
allowed, command = sys.argv[1].split(), sys.argv[2:]
lib = ctypes.CDLL("libseccomp.so.2", use_errno=True)
class Compare(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]
lib.seccomp_init.restype = ctypes.c_void_p
ALLOW, DENY, MASKED_EQUAL, WRITE_EXEC, EXEC = 0x7FFF0000, 0x00050001, 7, 6, 4
rules = ctypes.c_void_p(lib.seccomp_init(ALLOW))
for name, flags in ((b"mmap", WRITE_EXEC), (b"mprotect", EXEC), (b"pkey_mprotect", EXEC)):
    number = lib.seccomp_syscall_resolve_name(name)
    assert lib.seccomp_rule_add_array(rules, DENY, number, 1, ctypes.byref(Compare(2, MASKED_EQUAL, flags, flags))) == 0
assert lib.seccomp_load(rules) == 0
rules = ctypes.c_void_p(lib.seccomp_init(DENY))
for name in allowed:
    number = lib.seccomp_syscall_resolve_name(name.encode())
    if number >= 0:
        assert lib.seccomp_rule_add_array(rules, ALLOW, number, 0, None) == 0
assert lib.seccomp_load(rules) == 0
os.execv(command[0], command)
"""


class Unit:
    """A unit file in a root file system. `environment` is added to that of its EnvironmentFile."""

    def __init__(self, root, file):
        self.root = root
        # systemd lets a key be there several times; what is read here is there once, except for the filter.
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.optionxform = str
        text = (root / file).read_text()
        parser.read_string(text)
        self.service = parser["Service"]
        self.filters = [
            line.partition("=")[2] for line in text.splitlines() if line.startswith("SystemCallFilter=")
        ]
        self.state = root / "var/lib/private" / self.service["StateDirectory"]
        self.process = None

    def start(self):
        """Start the unit, and return once it reports that it is ready."""
        self._prepare_state()
        notify = self.root / "run/notify"
        notify.unlink(missing_ok=True)
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as reports,
            (self.root / "serve.log").open("ab") as log,
        ):
            reports.bind(str(notify))
            notify.chmod(0o666)
            reports.settimeout(PATIENCE_S)
            self.process = subprocess.Popen(self._command(), stdout=log, stderr=log, env=self._environment())
            try:
                assert reports.recv(100) == b"READY=1"
            except TimeoutError:
                raise AssertionError((self.root / "serve.log").read_text()) from None

    def stop(self):
        """Stop the unit as systemd does, and return its exit status."""
        self.process.terminate()
        return self.process.wait(PATIENCE_S)

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE_S)

    def _prepare_state(self):
        self.state.mkdir(parents=True, exist_ok=True)
        self.state.parent.chmod(0o711)  # systemd shows it to the service only
        self.state.chmod(int(self.service["StateDirectoryMode"], 8))
        if self.state.stat().st_uid != UID:
            os.chown(self.state, UID, UID)
        link = self.root / "var/lib" / self.state.name
        if not link.is_symlink():
            link.symlink_to(f"private/{self.state.name}")

    def _environment(self):
        file = self.root / self.service["EnvironmentFile"].lstrip("-").lstrip("/")
        lines = file.read_text().splitlines() if file.exists() else []
        given = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
        fixed = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "NOTIFY_SOCKET": "/run/notify",
            "STATE_DIRECTORY": "/var/lib/headcount",
        }
        return given | fixed

    def _command(self):
        """Return the command: mounts in a namespace of its own, then the user without privileges, then the filter."""
        root, state = shlex.quote(str(self.root)), shlex.quote(str(self.state))
        umask = self.service["UMask"]
        mounts = (
            f"mount --bind {root} {root} && mount --bind {state} {state} && mount -o remount,bind,ro {root}"
            f" && mount -t proc proc {root}/proc && mount --rbind /dev {root}/dev && mount -t tmpfs tmpfs {root}/tmp"
            f' && umask {umask} && cd {root} && exec chroot {root} "$@"'
        )
        privileges = [
            "setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--no-new-privs", "--bounding-set=-all",
            "--inh-caps=-all",
        ]  # fmt: skip
        started = shlex.split(self.service["ExecStart"])
        launcher = ["/usr/bin/python3", "-c", LAUNCHER, " ".join(allowed_calls(self.filters)), *started]
        return [
            "unshare",
            "--mount",
            "--propagation=private",
            "sh",
            "-c",
            mounts,
            "sh",
            *privileges,
            *launcher,
        ]


def allowed_calls(filters):
    """Return the system calls that lines of SystemCallFilter allow."""
    allowed = set()
    for line in filters:
        names = {name for group in line.lstrip("~").split() for name in _calls_of(group)}
        allowed = allowed - names if line.startswith("~") else allowed | names
    return sorted(allowed)


def _calls_of(group):
    if not group.startswith("@"):
        return {group}
    shown = subprocess.run(
        ["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True
    ).stdout
    names = [
        line.strip() for line in shown.splitlines()[1:] if line.strip() and not line.strip().startswith("#")
    ]
    return {name for one in names for name in _calls_of(one)}


if __name__ == "__main__":
    sys.stdout.write("\n".join(allowed_calls(sys.argv[1:])))
