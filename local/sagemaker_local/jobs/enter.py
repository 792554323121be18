"""Gives a process its own /opt/ml, then becomes that process. Linux only.

Started with `python -I -S enter.py <folder> <command> ...`: makes a mount namespace (inside a new user namespace unless
the caller may mount), puts the folder at /opt/ml and executes the command as the same user. Imports the standard
library only.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

TARGET = "/opt/ml"
FAILED = 126
"""Exit status when the folder could not be put there."""

_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def _mount(source: str, target: str, kind: str | None, flags: int) -> None:
    encoded = kind.encode() if kind else None
    _check(_libc.mount(source.encode(), target.encode(), encoded, flags, None), f"mount {source} on {target}")


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:  # noqa: PTH123 - nothing but the bare minimum is imported here
        file.write(text)


def _unshare() -> None:
    """Leave the mount namespace, with the help of a user namespace where the caller must not do that by itself."""
    if _libc.unshare(_CLONE_NEWNS) == 0:
        return
    user, group = os.getuid(), os.getgid()
    _check(_libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS), "unshare")
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{user} {user} 1")
    _write("/proc/self/gid_map", f"{group} {group} 1")


def _make_target(scratch: str) -> None:
    """Rebuild /opt in memory with its own content and a folder `ml`, so that nothing is left behind on the machine."""
    kept = os.path.join(scratch, "opt")  # noqa: PTH118
    os.makedirs(kept, exist_ok=True)  # noqa: PTH103
    _mount("/opt", kept, None, _MS_BIND | _MS_REC)
    _mount("tmpfs", "/opt", "tmpfs", 0)
    for entry in os.scandir(kept):
        place = os.path.join("/opt", entry.name)  # noqa: PTH118
        if entry.is_dir(follow_symlinks=False):
            os.mkdir(place)  # noqa: PTH102
            _mount(entry.path, place, None, _MS_BIND | _MS_REC)
        else:
            os.symlink(os.readlink(entry.path) if entry.is_symlink() else entry.path, place)  # noqa: PTH115, PTH211
    os.mkdir(TARGET)  # noqa: PTH102


def enter(folder: str) -> None:
    """Put `folder` at /opt/ml for this process and its children.

    Raises:
        OSError: if the machine does not allow that.
    """
    _unshare()
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    if not os.path.isdir(TARGET):  # noqa: PTH112
        _make_target(os.path.dirname(folder))  # noqa: PTH120
    _mount(folder, TARGET, None, _MS_BIND)


def main() -> None:
    """Enter, then execute the command."""
    # Nothing of a job may outlive the embedded AWS, however that ends.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        enter(sys.argv[1])
    except OSError as error:
        sys.stderr.write(f"cannot put a private folder at {TARGET}: {error}\n")
        sys.exit(FAILED)
    command = sys.argv[2:]
    try:
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main()
