"""Labs for ordinary users: the command runs itself again as root of a user namespace of its own."""

from __future__ import annotations

import os
import subprocess

from triplane.lab.network import LabError, find, run

MARK = "TRIPLANE_LAB_USER_NAMESPACE"  # set in the environment of the second run


def inside() -> bool:
    return MARK in os.environ


def reason_against(unshare: str) -> str:
    """Why this user cannot have a user namespace; empty when he can."""
    tried = subprocess.run([unshare, "-Urnm", "true"], capture_output=True, text=True, check=False)
    return tried.stderr.strip() if tried.returncode else ""


def enter(command: list[str], kind: str) -> None:
    """As an ordinary user: replace this process by `command` in a user namespace, or raise LabError."""
    if os.geteuid() == 0:
        if inside():
            prepare()
        return
    if kind == "xdp":
        raise LabError("--kind xdp loads a BPF program, which only root may: run as root, or choose packet or tap")
    if kind == "tap" and not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        raise LabError("/dev/net/tun is not open to this user: run as root, or choose --kind packet")
    unshare = find("unshare", "util-linux")
    if reason := reason_against(unshare):
        raise LabError(f"this system gives no user namespaces to ordinary users ({reason}): run as root")
    os.execve(unshare, [unshare, "-Urnm", "--", *command], {**os.environ, MARK: "1"})


def prepare() -> None:
    """A /run of our own, for /run/netns and /run/triplane; nobody else sees it."""
    run([find("mount", "mount"), "-t", "tmpfs", "tmpfs", "/run"])


def entrance() -> str:
    """What takes somebody outside into this process's namespaces."""
    return f"nsenter --preserve-credentials -U -m -n -t {os.getpid()} " if inside() else ""
