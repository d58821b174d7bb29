"""The OpenFlow versions of this process (Ryu's `ryu.ofproto.ofproto_protocol`).

Several apps run together in the versions that all of them speak.
"""

from __future__ import annotations

from types import ModuleType

from triplane.dataplane.openflow.codec import PROTOCOLS

_versions = PROTOCOLS  # constants and parser by version; the name is Ryu's
_supported = set(PROTOCOLS)


def supported_versions() -> frozenset[int]:
    """Versions that the apps agree on."""
    return frozenset(_supported)


def set_app_supported_versions(versions: list[int]) -> None:
    """An app speaks only these. Raises ValueError if no version is left that all apps speak."""
    left = _supported & set(versions)
    if not left:
        raise ValueError(f"the apps have no OpenFlow version in common: {sorted(_supported)} and {sorted(versions)}")
    _supported.intersection_update(left)


class ProtocolDesc:
    """A version's two modules, `ofproto` and `ofproto_parser`; messages are made for it as for a datapath."""

    ofproto: ModuleType
    ofproto_parser: ModuleType

    def __init__(self, version: int | None = None) -> None:
        self.set_version(max(_supported) if version is None else version)

    def set_version(self, version: int) -> None:
        self.ofproto, self.ofproto_parser = PROTOCOLS[version]

    @property
    def supported_ofp_version(self) -> frozenset[int]:
        return supported_versions()
