"""`triplane show` and `triplane trace` against a dataplane's socket."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from triplane import cli
from triplane.commands.show import table
from triplane.commands.trace import frame
from triplane.control_client import AskError, ask
from triplane.nodes.options import StartError

FRAME = bytes(range(60))


@contextmanager
def dataplane(run_dir: Path, reply: bytes) -> Iterator[list[dict[str, Any]]]:
    """Something that answers `reply` to one request, which it notes."""
    run_dir.mkdir(exist_ok=True)
    asked: list[dict[str, Any]] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(run_dir / "dataplane.sock"))
        listener.listen()

        def serve() -> None:
            channel, _ = listener.accept()
            with channel:
                asked.append(json.loads(channel.makefile().readline()))
                for start in range(0, len(reply), 50_000):  # more than a socket buffer takes at once
                    channel.sendall(reply[start : start + 50_000])

        thread = threading.Thread(target=serve)
        thread.start()
        yield asked
        thread.join(10)


def answer(result: object) -> bytes:
    return json.dumps({"ok": True, "result": result}).encode() + b"\n"


def test_show_json_is_what_the_dataplane_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"table_id": 0, "packets": 17, "match": {"in_port": 1}}]
    with dataplane(tmp_path, answer(rows)) as asked:
        assert cli.main(["show", "flows", "--json", "--run-dir", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out) == rows
    assert asked == [{"show": "flows", "args": {}}]


def test_a_long_reply_comes_whole(tmp_path: Path) -> None:
    rows = [{"packets": number, "match": "x" * 100} for number in range(10_000)]
    with dataplane(tmp_path, answer(rows)):
        assert ask(tmp_path, "flows") == rows


def test_tables_line_up_and_put_long_texts_last() -> None:
    rows = [
        {"match": {"in_port": 1}, "packets": 5, "actions": ["output:2", "output:3"], "live": True},
        {"match": {}, "packets": 1234, "actions": [], "live": None},
    ]
    assert table("flows", rows) == [
        "packets  live  match      actions",
        "      5  yes   in_port=1  output:2 output:3",
        "   1234  -     -          -",
    ]
    assert table("meters", []) == ["no meters"]


def test_columns_that_say_nothing_are_left_out() -> None:
    assert table("flows", [{"packets": 0, "cookie": "0x0", "idle_timeout": 0}]) == ["packets", "      0"]
    assert table("flows", [{"cookie": "0x0"}, {"cookie": "0x2a"}]) == ["cookie", "0x0", "0x2a"]


def test_one_dataplane_below_the_run_dir_is_found(tmp_path: Path) -> None:
    with dataplane(tmp_path / "s1", answer([])):
        assert ask(tmp_path, "ports") == []


def test_several_dataplanes_below_the_run_dir_must_be_chosen_from(tmp_path: Path) -> None:
    for name in ("s1", "s2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "dataplane.sock").touch()
    with pytest.raises(AskError, match=r"choose with --run-dir .*/s1 \| .*/s2"):
        ask(tmp_path, "ports")


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [(b'{"ok": false, "error": "cannot show \'fib\'"}\n', "cannot show 'fib'"), (b"", "closed the connection")],
)
def test_refusals_are_told(tmp_path: Path, reply: bytes, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with dataplane(tmp_path, reply):
        assert cli.main(["show", "fib", "--run-dir", str(tmp_path)]) == 1
    assert complaint in capsys.readouterr().err


def test_no_dataplane_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["show", "ports", "--run-dir", str(tmp_path)]) == 1
    assert "no dataplane answers at" in capsys.readouterr().err


def test_trace_sends_the_frame_and_prints_the_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with dataplane(tmp_path, answer(["table 0: priority 1", "output to port 2"])) as asked:
        assert cli.main(["trace", "3", FRAME.hex(" "), "--run-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "table 0: priority 1\noutput to port 2\n"
    assert asked == [{"show": "trace", "args": {"port": 3, "packet": FRAME.hex()}}]


@pytest.mark.parametrize("text", [FRAME.hex(), FRAME.hex(":"), f" {FRAME.hex(' ')} "])
def test_frames_in_hex(text: str) -> None:
    assert frame(text) == FRAME


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("magic", [0xA1B2C3D4, 0xA1B23C4D])  # times in microseconds, in nanoseconds
def test_the_first_packet_of_a_capture(tmp_path: Path, order: str, magic: int) -> None:
    header = struct.pack(f"{order}IHHIIII", magic, 2, 4, 0, 0, 65535, 1)
    records = b"".join(struct.pack(f"{order}IIII", 0, 0, len(data), len(data)) + data for data in (FRAME, b"x" * 99))
    path = tmp_path / "file.pcap"
    path.write_bytes(header + records)
    assert frame(f"@{path}") == FRAME


def test_a_file_of_raw_bytes(tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(FRAME)
    assert frame(f"@{tmp_path}/raw") == FRAME


@pytest.mark.parametrize(("text", "complaint"), [("xyz", "neither hex nor"), ("00" * 13, "from 14 to")])
def test_what_is_no_frame_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(StartError, match=complaint):
        frame(text)


def test_an_empty_capture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.pcap"
    path.write_bytes(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
    with pytest.raises(StartError, match="holds no packet"):
        frame(f"@{path}")
