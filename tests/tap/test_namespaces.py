"""Namespaces come, are entered, and go."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.controller.process import own_host
from triplane.tap import namespaces as ns

NAME = f"tn{os.getpid()}"


def inode() -> int:
    return os.stat("/proc/thread-self/ns/net").st_ino


def test_a_call_inside_and_the_caller_outside() -> None:
    here = inode()
    with ns.namespaces(NAME):
        there = ns.in_namespace(NAME, inode)
        assert there != here
        assert there == os.stat(f"/run/netns/{NAME}").st_ino == ns.in_namespace(f"/run/netns/{NAME}", inode)
        assert inode() == here == ns.in_namespace(None, inode)
    assert not Path(f"/run/netns/{NAME}").exists()


def test_a_socket_outlives_the_thread() -> None:
    with ns.namespaces(NAME), ns.in_namespace(NAME, socket.socket) as inside, socket.socket() as outside:
        inside.bind((own_host(), 0))
        inside.listen()
        with pytest.raises(ConnectionRefusedError):
            outside.connect(inside.getsockname())
        with ns.in_namespace(NAME, socket.socket) as second:
            second.connect(inside.getsockname())


def test_errors_come_back() -> None:
    with pytest.raises(FileNotFoundError):
        ns.in_namespace("no-such-namespace", inode)
    with ns.namespaces(NAME):
        with pytest.raises(ZeroDivisionError):
            ns.in_namespace(NAME, lambda: 1 // 0)
        with pytest.raises(FileExistsError):
            ns.create(NAME)
        with pytest.raises(OSError, match="No such device"):
            ns.delete_link(NAME, "nosuch")
        ns.veth("a", NAME, "b", NAME)
        with pytest.raises(OSError, match="veth a b"):
            ns.veth("a", NAME, "b", NAME)


def test_cable_addresses_and_attributes() -> None:
    with ns.namespaces(NAME, NAME + "x"):
        ns.veth("a", NAME, "b", NAME + "x")
        ns.add_address(NAME, "a", "10.5.0.1/24")
        ns.add_address(NAME + "x", "b", "fd05::2/64")
        ns.set_link(NAME, "a", mtu=3000, address="02:00:00:00:05:01")
        shown = subprocess.run(["ip", "-n", NAME, "addr", "show", "a"], capture_output=True, text=True, check=True)
        assert "10.5.0.1/24" in shown.stdout
        assert "mtu 3000" in shown.stdout
        assert "02:00:00:00:05:01" in shown.stdout
        shown = subprocess.run(
            ["ip", "-n", NAME + "x", "addr", "show", "b"], capture_output=True, text=True, check=True
        )
        assert "fd05::2/64" in shown.stdout
        ns.set_sysctl(NAME, "net/ipv4/ip_forward", "1")
        assert ns.in_namespace(NAME, Path("/proc/sys/net/ipv4/ip_forward").read_text) == "1\n"


def test_in_a_user_namespace_all_of_it_works() -> None:
    script = """
from triplane.tap import namespaces as ns
ns.become_root()
with ns.namespaces("one", "two"):
    ns.veth("a", "one", "b", "two")
    ns.add_address("one", "a", "10.5.0.1/24")
    from triplane.tap.device import Device
    print(sorted(path.name for path in ns.NETNS.iterdir()), Device("a", "one").link().up)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "['one', 'two'] True\n", done.stderr
    assert not Path("/run/netns/one").exists()
