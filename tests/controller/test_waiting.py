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

AT_ONCE = """
import sys
from triplane.controller.runtime import hub

sys.setswitchinterval(1e-6)
for _ in range(5000):
    thread = hub.spawn(list)
    hub.kill(thread)
    thread.wait()
"""

AGAIN = """
import sys
from triplane.controller.runtime import hub

def work():
    while True:
        hub.sleep(0.00001)

sys.setswitchinterval(1e-5)
for _ in range(1000):
    thread = hub.spawn(work)
    hub.sleep(0.0001)
    hub.kill(thread)
    hub.kill(thread)
    thread.wait()
"""

IN_A_CALLBACK = """
import gc
from triplane.controller.runtime import hub

class Resource:
    def __del__(self):
        compute()

def compute(*_):
    for _ in range(10_000):
        pass

def work():
    while True:
        Resource()
        gc.collect(0)

gc.callbacks.append(compute)  # as libraries do; here no time is spent elsewhere
for _ in range(20):
    thread = hub.spawn(work)
    hub.sleep(0.01)
    hub.kill(thread)
    thread.wait(20)
    print(thread.dead, end=" ")
"""


def ran(script: str) -> tuple[int, str, str]:
    """How a process of its own ended, and what it said."""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100, check=False)
    return ended.returncode, ended.stdout, ended.stderr


def test_killed_as_soon_as_spawned() -> None:
    """The kill does not come in what Python does before the thread's function: nobody would hear of its end."""
    assert ran(AT_ONCE) == (0, "", "")


def test_killed_again_while_the_first_kill_comes() -> None:
    assert ran(AGAIN) == (0, "", "")


def test_killed_where_nothing_can_be_raised() -> None:
    """In a destructor, or in a callback of the garbage collector: Python drops what is raised there."""
    assert ran(IN_A_CALLBACK) == (0, "True " * 20, "")


def test_an_exception_on_its_way_holds_up_no_other_thread() -> None:
    """Python 3.11 never began a traced function while one was: a debugger or coverage would stop the controller."""
    assert ran(LEFT_BEHIND) == (0, "goes on\n", "")
