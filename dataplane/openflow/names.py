"""Names of numbers: what logs and JSON show for message types, error types and codes. One version's functions each."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

UNKNOWN = "Unknown"
_ODD_PREFIXES = {"OFPET_FLOW_MONITOR_FAILED": "OFPMOFC_"}


def name_of(module: ModuleType, prefix: str, number: int) -> str:
    """The constant of `module` that has this number; `Unknown` if none has."""
    found = (name for name, value in vars(module).items() if value == number and name.startswith(prefix))
    return next(found, UNKNOWN)


def code_prefix(type_name: str) -> str:
    """What the codes of an error type start with: `OFPBMC_` of OFPET_BAD_MATCH."""
    initials = "".join(word[0] for word in type_name.split("_")[1:])
    return _ODD_PREFIXES.get(type_name, f"OFP{initials}C_")


def functions(constants: ModuleType, error_codes: ModuleType) -> tuple[Callable[..., str], ...]:
    """Ryu's `ofp_msg_type_to_str`, `ofp_error_type_to_str` and `ofp_error_code_to_str` for one version."""

    def ofp_msg_type_to_str(type_: int) -> str:
        """`OFPT_FLOW_MOD(14)`."""
        return f"{name_of(constants, 'OFPT_', type_)}({type_})"

    def ofp_error_type_to_str(type_: int) -> str:
        """`OFPET_BAD_MATCH(4)`."""
        return f"{name_of(error_codes, 'OFPET_', type_)}({type_})"

    def ofp_error_code_to_str(type_: int, code: int) -> str:
        """`OFPBMC_BAD_PREREQ(9)`."""
        type_name = name_of(error_codes, "OFPET_", type_)
        known = type_name != UNKNOWN
        return f"{name_of(error_codes, code_prefix(type_name), code) if known else UNKNOWN}({code})"

    return ofp_msg_type_to_str, ofp_error_type_to_str, ofp_error_code_to_str
