"""Large kernels stand apart: their callers know their address, not their code.

numba links a kernel and all that it calls into each of its callers, and optimises and translates it there once more: so
the pipeline was compiled anew at each level of calls above each of its parts, two thirds of LLVM's time. That is worth
it only for what LLVM then inlines. A kernel that is too large for that is called through a symbol of this process
instead, and a caller that comes from the cache has its callees loaded first (numba's `reload_init`).
"""
# mypy: disable-error-code="no-untyped-call,misc"

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from itertools import islice
from typing import Any, NamedTuple

import llvmlite.binding
from numba.core.imputils import user_function
from numba.core.itanium_mangler import mangle

# Optimised LLVM instructions to which a kernel is linked, and those that each LLVM argument adds (an array is seven);
# twice what LLVM inlines, since an argument that need not be passed weighs as much as an instruction for it.
LARGE = 100
FOR_AN_ARGUMENT = 2


class Callee(NamedTuple):
    """A kernel that is called by address. Called itself, it sees to it that the address is known."""

    module: str
    name: str
    args: tuple[Any, ...]

    def __call__(self) -> None:
        dispatcher = getattr(import_module(self.module), self.name)
        dispatcher.compile(self.args)
        self.publish(dispatcher.overloads[self.args])

    @property
    def symbol(self) -> str:
        """The same in each process, unlike numba's names, which have a running number."""
        return "triplane" + str(mangle(f"{self.module}.{self.name}", self.args))

    def publish(self, compiled: Any) -> None:
        address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
        llvmlite.binding.add_symbol(self.symbol, address)


def adding(dispatcher: Any, add_overload: Callable[[Any], None]) -> Callable[[Any], None]:
    """numba's `add_overload`, which takes what was compiled or loaded, after a change of how kernels call it."""

    def add(compiled: Any) -> None:
        callee = Callee(dispatcher.py_func.__module__, dispatcher.py_func.__qualname__, compiled.signature.args)
        if can_be_found(callee, dispatcher) and not compiled.fndesc.inline:
            target = compiled.target_context
            target.remove_user_function(compiled.entry_point)
            target._defns[compiled.entry_point].append(calling(callee, compiled), callee.args)
        add_overload(compiled)

    return add


def can_be_found(callee: Callee, dispatcher: Any) -> bool:
    """Not so for what a test defines within a function."""
    return getattr(sys.modules.get(callee.module), callee.name, None) is dispatcher


def calling(callee: Callee, compiled: Any) -> Callable[..., Any]:
    """What numba asks for the code of a call."""
    large = cache(lambda: is_large(compiled))  # asked when a caller is compiled only: counting takes a while
    described = copy.copy(compiled.fndesc)
    described.mangled_name = callee.symbol
    call_linked, call_apart = user_function(compiled.fndesc, ()), user_function(described, ())

    def call(context: Any, *arguments: Any) -> Any:
        if not large():
            context.add_linking_libs([compiled.library])
            return call_linked(context, *arguments)
        callee.publish(compiled)
        context.active_code_library._reload_init.add(callee)
        return call_apart(context, *arguments)

    return call


def is_large(compiled: Any) -> bool:
    library = compiled.library
    module = library._shared_module or library._final_module  # the first alone has code if it comes from the cache
    function = module.get_function(compiled.fndesc.llvm_func_name)
    instructions = (instruction for block in function.blocks for instruction in block.instructions)
    limit = LARGE + FOR_AN_ARGUMENT * len(list(function.arguments))
    return next(islice(instructions, limit, None), None) is not None
