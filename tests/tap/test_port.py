"""How ports are asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triplane.dataplane.kernels.compiler import INTERPRETED
from triplane.dataplane.kernels.pool import make_pool
from triplane.tap.libc import SYMBOLS, MissingSymbol, check_symbols
from triplane.tap.port import KINDS, PortError, PortSpec, open_port


def test_a_name_alone_is_auto() -> None:
    assert PortSpec.parse("eth1") == PortSpec("eth1", "auto", {})


def test_kind_and_options() -> None:
    assert PortSpec.parse("eth1:tap,netns=x,mtu=9000") == PortSpec("eth1", "tap", {"netns": "x", "mtu": "9000"})


@pytest.mark.parametrize("text", ["", ":tap", "eth1:", "eth1:ethernet", "eth1:tap,netns", "eth1:tap,=x", "eth1:tap,"])
def test_refuses(text: str) -> None:
    with pytest.raises(PortError) as caught:
        PortSpec.parse(text)
    assert repr(text) in str(caught.value)


@given(st.text())
def test_parses_or_says_why(text: str) -> None:
    try:
        spec = PortSpec.parse(text)
    except PortError:
        return
    assert spec.kind in {"auto", *KINDS}


def test_wrapper_keeps_its_own_options() -> None:
    spec = PortSpec.parse("eth1:fault,of=record+packet,drop=0.1,file=x,netns=lab")
    inner = spec.inner(frozenset({"drop"}))
    assert inner == PortSpec("eth1", "record", {"file": "x", "netns": "lab", "of": "packet"})
    assert inner.inner(frozenset({"file"})) == PortSpec("eth1", "packet", {"netns": "lab"})
    with pytest.raises(PortError, match="of=nothing"):
        PortSpec.parse("eth1:fault,of=nothing").inner(frozenset())


@pytest.mark.parametrize(("text", "value"), [("3", 3), ("0.5", 0.5), (None, 7)])
def test_number(text: str | None, value: float) -> None:
    assert PortSpec("p", "tap", {} if text is None else {"n": text}).number("n", 7, 0, 10) == value


@pytest.mark.parametrize("text", ["-1", "11", "nan", "x", ""])
def test_number_out_of_bounds(text: str) -> None:
    with pytest.raises(PortError, match="port p: option n="):
        PortSpec("p", "tap", {"n": text}).number("n", 7, 0, 10)


def test_every_symbol_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    check_symbols()
    monkeypatch.setattr("triplane.tap.libc.SYMBOLS", (*SYMBOLS, "no_such_function"))
    check_symbols.cache_clear()
    with pytest.raises(MissingSymbol, match="no_such_function"):
        check_symbols()
    monkeypatch.undo()
    check_symbols.cache_clear()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nosuch0:packet", r"port nosuch0: no such interface: No such device \(errno 19\)"),
        ("lo:packet,colour=red", "kind packet has no option colour"),
        ("x:tap,netns=nosuchnamespace", "cannot enter network namespace nosuchnamespace.*errno 2"),
        ("a-name-that-is-too-long:tap", "at most 15 bytes"),
        ("x:tap,queues=99", "option queues=99"),
        ("x:tap,address=01:00:00:00:00:01", "is not the MAC address of a station"),
        ("x:record,of=tap", "needs file=FILE"),
        ("x:record,of=packet,file=/nonexistent/x", "errno 2"),
    ],
)
def test_open_fails_with_one_clear_line(text: str, message: str) -> None:
    with pytest.raises(PortError, match="NUMBA_DISABLE_JIT" if INTERPRETED else message) as caught:
        open_port(PortSpec.parse(text), 1, make_pool(64, 2))
    assert "\n" not in str(caught.value)
