"""Network namespaces by name, and the virtual cables between them.

A named namespace is a file under /run/netns, as `ip netns` makes it. Without root, call `become_root` first (before
any thread starts): it enters a user namespace, in which all of this works.
Every function raises OSError, also where it is the kernel's netlink that refuses.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

T = TypeVar("T")

NETNS = Path("/run/netns")
CLONE_NEWNS = 0x20000  # linux/sched.h
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000  # linux/mount.h
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MS_SHARED = 0x100000
MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def _mount(source: str, target: str, kind: str | None, flags: int) -> None:
    kind_bytes = None if kind is None else kind.encode()
    _check(_libc.mount(source.encode(), target.encode(), kind_bytes, ctypes.c_ulong(flags), None), f"mount {target}")


def path_of(netns: str) -> Path:
    """The file of a namespace given by name or by path."""
    return Path(netns) if "/" in netns else NETNS / netns


def in_thread(call: Callable[[], T]) -> T:
    """Run `call` in a thread that ends with it: what it does to its own namespaces ends too."""
    with ThreadPoolExecutor(1, "netns") as thread:
        return thread.submit(call).result()


def in_namespace(netns: str | None, call: Callable[[], T]) -> T:
    """Run `call` inside a network namespace; a socket it opens stays there. None: here. Raises OSError."""
    if netns is None:
        return call()

    def enter() -> T:
        fd = os.open(path_of(netns), os.O_RDONLY | os.O_CLOEXEC)
        try:
            _check(_libc.setns(fd, CLONE_NEWNET), netns)
        finally:
            os.close(fd)
        return call()

    return in_thread(enter)


def _share(folder: Path) -> None:
    """Make the folder a mount of its own, seen by all mount namespaces, as the first `ip netns add` does.

    That one would cover, with its mount, the namespaces that are there already: they could not be removed (EBUSY).
    """
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as `ip` does
        try:
            _mount("none", str(folder), None, MS_SHARED | MS_REC)
        except OSError:  # EINVAL: it is no mount yet
            _mount(str(folder), str(folder), None, MS_BIND | MS_REC)
            _mount("none", str(folder), None, MS_SHARED | MS_REC)
    finally:
        os.close(lock)


def create(name: str) -> None:
    """Make a named namespace, its loopback up. FileExistsError if there is one of that name."""
    NETNS.mkdir(mode=0o755, parents=True, exist_ok=True)
    _share(NETNS)
    target = NETNS / name
    target.touch(mode=0o444, exist_ok=False)

    def make() -> None:
        _check(_libc.unshare(CLONE_NEWNET), f"new network namespace {name}")
        _mount("/proc/thread-self/ns/net", str(target), None, MS_BIND)

    try:
        in_thread(make)
    except OSError:
        target.unlink()
        raise
    set_link(name, "lo", up=True)


def remove(name: str) -> None:
    """Remove a named namespace; its devices go once no process or socket is left in it."""
    _check(_libc.umount2(str(NETNS / name).encode(), MNT_DETACH), f"umount {NETNS / name}")
    (NETNS / name).unlink()


@contextmanager
def namespaces(*names: str) -> Iterator[None]:
    """Named namespaces that are removed at the end, whatever happens."""
    made: list[str] = []
    try:
        for name in names:
            create(name)
            made.append(name)
        yield
    finally:
        for name in made:
            remove(name)


def _netlink(netns: str | None, what: str, call: Callable[[IPRoute], T]) -> T:
    """Run `call` with a netlink socket in a namespace; raises OSError that says `what` was refused."""

    def run() -> T:
        with IPRoute() as route:
            return call(route)

    try:
        return in_namespace(netns, run)
    except NetlinkError as error:
        raise OSError(error.code, os.strerror(error.code), what) from error


def _index(route: IPRoute, name: str) -> int:
    found: list[int] = route.link_lookup(ifname=name)
    if not found:
        raise OSError(19, os.strerror(19), name)  # ENODEV
    return found[0]


def veth(name: str, netns: str | None, peer: str, peer_netns: str | None) -> None:
    """A virtual cable from interface `name` in `netns` to `peer` in `peer_netns`; both ends up."""
    fd = os.open("/proc/self/ns/net" if peer_netns is None else path_of(peer_netns), os.O_RDONLY | os.O_CLOEXEC)
    try:
        end = {"ifname": peer, "net_ns_fd": fd}
        _netlink(netns, f"veth {name} {peer}", lambda route: route.link("add", ifname=name, kind="veth", peer=end))
    finally:
        os.close(fd)
    set_link(netns, name, up=True)
    set_link(peer_netns, peer, up=True)


def set_link(netns: str | None, name: str, up: bool | None = None, **attributes: Any) -> None:
    """Change an interface: up or down, and attributes by pyroute2's names (`mtu`, `address`, `net_ns_fd` ...)."""
    if up is not None:
        attributes["state"] = "up" if up else "down"
    _netlink(netns, f"set {name}", lambda route: route.link("set", index=_index(route, name), **attributes))


def delete_link(netns: str | None, name: str) -> None:
    _netlink(netns, f"delete {name}", lambda route: route.link("del", index=_index(route, name)))


def add_address(netns: str | None, name: str, address: str) -> None:
    """Give an interface an address, written as `10.0.0.1/24` or `fd00::1/64`; IPv6 without duplicate detection."""
    host, _, prefix = address.partition("/")
    more: dict[str, Any] = {"flags": 2} if ":" in host else {}  # IFA_F_NODAD

    def add(route: IPRoute) -> None:
        route.addr("add", index=_index(route, name), address=host, prefixlen=int(prefix), **more)

    _netlink(netns, f"address {address} on {name}", add)


def set_sysctl(netns: str | None, name: str, value: str) -> None:
    """Write `net/...` below /proc/sys, in a namespace."""
    in_namespace(netns, lambda: Path("/proc/sys", name).write_text(value))


def become_root() -> None:
    """Enter a user namespace in which this process is root, with mounts and a network of its own.

    The process must have one thread only (EINVAL otherwise). /run is a fresh one there. OSError where the system
    allows no user namespaces.
    """
    uid, gid = os.getuid(), os.getgid()
    _check(_libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET), "new user namespace")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    _mount("none", "/", None, MS_REC | MS_PRIVATE)
    _mount("tmpfs", "/run", "tmpfs", 0)
    NETNS.mkdir(mode=0o755)
    set_link(None, "lo", up=True)
