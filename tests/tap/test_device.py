"""What devices say about themselves."""

import fcntl
import os
import struct

import pytest

from tests.tap.rig import wait_for
from triplane.tap import namespaces as ns
from triplane.tap.device import Device, describe, features
from triplane.tap.port import Link, PortError

NAME = f"td{os.getpid()}"
FD_1GB, FD_10GB, HD_100MB, COPPER, AUTONEG = 1 << 5, 1 << 6, 1 << 2, 1 << 11, 1 << 13


def settings(
    speed: int, duplex: int, autoneg: int, supported: int, advertised: int, peer: int, words: int = 3
) -> bytes:
    """A struct ethtool_link_settings with its masks."""
    head = struct.pack("=IIBBBBBBBb", 0x4C, speed, duplex, 0, 0, autoneg, 0, 0, 0, words)
    masks = b"".join(mask.to_bytes(4 * words, "little") for mask in (supported, advertised, peer))
    return head.ljust(48, b"\0") + masks


def test_features_of_link_modes() -> None:
    assert features((1 << 5).to_bytes(12, "little")) == FD_1GB
    assert features((1 << 6 | 1 << 7).to_bytes(12, "little")) == AUTONEG | COPPER
    assert features((1 << 44).to_bytes(12, "little")) == FD_10GB


def test_describe() -> None:
    link = describe(True, settings(1000, 1, 1, 1 << 5 | 1 << 12 | 1 << 6, 1 << 5 | 1 << 6, 1 << 5))
    assert link == Link(
        True, 1_000_000, 10_000_000, FD_1GB | AUTONEG, FD_1GB | AUTONEG, FD_1GB | FD_10GB | AUTONEG, FD_1GB
    )
    assert describe(False, settings(100, 0, 0, 0, 0, 0)) == Link(False, 100_000, 100_000, HD_100MB)
    assert describe(False, settings(0xFFFFFFFF, 255, 0, 0, 0, 0)) == Link(False)
    assert describe(True, settings(123, 1, 0, 0, 0, 0, words=0)).curr == 1 << 10, "a speed without a bit: OTHER"


def test_a_real_device() -> None:
    with ns.namespaces(NAME):
        ns.veth("a", NAME, "b", NAME)
        device = Device("a", NAME)
        assert device.exists()
        up = Link(True, 10_000_000, 10_000_000, FD_10GB)
        wait_for(lambda: device.link() == up, "the kernel to know that both ends are up")
        device.set_hw_addr("02:00:00:00:00:31")
        assert device.hw_addr() == bytes.fromhex("020000000031")
        device.set_mtu(4000)
        assert device.mtu() == 4000
        device.set_up(False)
        assert not device.link().up
        with pytest.raises(PortError, match=r"port a: cannot set MTU 9999999: .*errno 22"):
            device.set_mtu(9999999)
        ns.delete_link(NAME, "a")
        assert not device.exists()
        assert device.link() == Link(False)
        with pytest.raises(PortError, match="port a: no such interface"):
            device.index()
        device.close()


def test_a_device_without_ethernet_headers_is_refused() -> None:
    with ns.namespaces(NAME):
        device = Device("tun0", NAME)
        with pytest.raises(PortError, match="port tun0: no such interface"):
            device.check_ethernet()
        fd = ns.in_namespace(NAME, lambda: os.open("/dev/net/tun", os.O_RDWR))
        fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH22x", b"tun0", 1))  # TUNSETIFF, IFF_TUN
        with pytest.raises(PortError, match="port tun0: it is no Ethernet device"):
            device.check_ethernet()
        os.close(fd)
        device.close()


def test_whether_the_host_uses_a_device() -> None:
    with ns.namespaces(NAME):
        for name, address, used in (("a", "10.6.0.1/24", True), ("b", "fd06::1/64", True), ("c", "fe80::77/64", False)):
            ns.veth(name, NAME, name + "x", NAME)
            device = Device(name, NAME)
            assert not device.has_address()
            ns.add_address(NAME, name, address)
            assert device.has_address() == used
            device.close()
