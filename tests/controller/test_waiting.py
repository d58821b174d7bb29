"""Exceptions for threads, and what is left behind by them."""

from __future__ import annotations

import subprocess
import sys

LEFT_BEHIND = """
import os, sys, threading
from triplane.controller.runtime import hub

outside = threading.Lock()
outside.acquire()
blocked = hub.spawn(outside.acquire)  # in no wait of the hub: what it is sent stays on its way
while "acquire" not in str(blocked) and not blocked.ident:
    pass
hub.kill(blocked)
try:
    with hub.Timeout(0.01):
        hub.sleep(60)
except hub.Timeout:
    pass

def traced():
    return "goes on"

sys.settrace(lambda *_: None)
print(traced(), flush=True)
os._exit(0)
"""


def test_an_exception_on_its_way_holds_up_no_other_thread() -> None:
    """Python 3.11 never began a traced function while one was: a debugger or coverage would stop the controller."""
    ended = subprocess.run([sys.executable, "-c", LEFT_BEHIND], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "goes on\n", "")
