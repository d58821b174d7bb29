"""The one exception of the codec: what an OFPT_ERROR message would say (OpenFlow 1.5.1 section 7.5.4).

Versions from 1.2 on only add to the types and codes of those before them.
"""

from __future__ import annotations

from triplane.dataplane.openflow.v1_5 import error_codes

# in place of a type, where no number of 16 bits is: an error of Nicira's, by its code from 1.2 on (Open vSwitch)
NICIRA_ERROR = 1 << 16
NXR_STALE = 35  # a continuation that is not known, or no longer

# prefix of the code names of each type, in the order of the types
_CODE_PREFIXES = (
    *("OFPHFC_", "OFPBRC_", "OFPBAC_", "OFPBIC_", "OFPBMC_", "OFPFMFC_", "OFPGMFC_"),
    *("OFPPMFC_", "OFPTMFC_", "OFPQOFC_", "OFPSCFC_", "OFPRRFC_", "OFPMMFC_", "OFPTFFC_"),
    *("OFPBPC_", "OFPACFC_", "OFPMOFC_", "OFPBFC_"),
)


def _name(prefix: str, number: int) -> str:
    for name, value in vars(error_codes).items():
        if value == number and name.startswith(prefix):
            return name
    return "Unknown"


def type_name(kind: int) -> str:
    """`OFPET_BAD_MATCH`; `Unknown` if the number has no name."""
    return _name("OFPET_", kind)


def code_name(kind: int, code: int) -> str:
    """`OFPBMC_BAD_FIELD`; `Unknown` if the numbers have no name."""
    return _name(_CODE_PREFIXES[kind], code) if kind < len(_CODE_PREFIXES) else "Unknown"


class OpenFlowError(Exception):
    """A request that is malformed or cannot be served.

    `type` and `code` are those of the error message; `data` is the start of the failed message (at least
    64 bytes of it if it is as long), or empty when the raiser did not have it.
    """

    def __init__(self, type: int, code: int, data: bytes = b"") -> None:
        super().__init__(type, code, data)
        self.type = type
        self.code = code
        self.data = data

    def __str__(self) -> str:
        return f"{type_name(self.type)}({self.type})/{code_name(self.type, self.code)}({self.code})"
