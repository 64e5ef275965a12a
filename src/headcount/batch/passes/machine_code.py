"""Machine code of all entries: compiled by Numba once, stored in one file, and loaded by LLVM alone.

The file has one line of JSON, with the symbol of each entry, and an object file. Compiling takes some seconds; loading takes
milliseconds, and needs neither Numba nor Python's compiler.

Responsible for compiling, storing and loading. Must not know what the entries do.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any, Final

import llvmlite.binding as llvm

from headcount.batch.passes import cache
from headcount.batch.passes.jit import Compiled, Entry, array_of, fields_of

_MODULES = ("attributes", "partition", "tables", "uuid5", "vocabulary")
"""The modules of this package that have entries."""

_loading = Lock()


def address_of(entry: Entry) -> int:
    """Return the address of an entry. The first call loads all, or compiles them."""
    with _loading:
        return _addresses()[entry.name]


@lru_cache
def _addresses() -> dict[str, int]:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    symbols, code = _stored() or _compile_and_store()
    return {name: load(code).get_function_address(symbol) for name, symbol in symbols.items()}


@lru_cache
def load(code: bytes) -> Any:
    """Return LLVM's engine with this code. It must not be released as long as the process runs."""
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine


def _machine() -> Any:
    """Return this processor as a target of LLVM."""
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        codemodel="jitdefault",
        jit=True,
    )


_Code = tuple[dict[str, str], bytes]
"""The symbol of each entry, and the object file."""


def _stored() -> _Code | None:
    content = cache.read(_file_name())
    if content is None:
        return None
    symbols, _, code = content.partition(b"\n")
    return json.loads(symbols), code


def _compile_and_store() -> _Code:
    cache.announce()
    symbols, code = compile_all()
    cache.write(_file_name(), json.dumps(symbols).encode() + b"\n" + code)
    return symbols, code


@lru_cache
def _file_name() -> str:
    """Return a name for all that the machine code depends on: sources, compilers and processor."""
    package = Path(__file__).parent
    digest = sha256()
    for path in (
        *sorted(package.glob("*.py")),
        package / "../../kernel/rules.py",
        package / "../../kernel/stay_table.py",
    ):
        digest.update(path.read_bytes())
    for name in ("numba", "llvmlite", "numpy"):
        digest.update(version(name).encode())
    digest.update(f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}".encode())
    return f"machine-code-{digest.hexdigest()[:16]}"


def _entries() -> Iterator[Entry]:
    for name in _MODULES:
        module = import_module(f"headcount.batch.passes.{name}")
        for value in vars(module).values():
            if isinstance(value, Entry) and value.function.__module__ == module.__name__:
                yield value


def compile_all() -> _Code:
    """Compile all entries with Numba into one object file."""
    numba = _Numba()
    symbols, whole = {}, llvm.parse_assembly("")
    for entry in _entries():
        symbols[entry.name], module = numba.compile(entry)
        whole.link_in(module)
    return symbols, _machine().emit_object(whole)


class _Numba:
    """Numba's compiler, with one signature for each function: that of its annotations.

    Memory is managed by the callers alone: without Numba's counts of references, the passes take a third of the time.
    """

    _OPTIONS: Final[dict[str, Any]] = {
        "nogil": True,
        "_nrt": False,
        "error_model": "numpy",
        "no_cpython_wrapper": True,
        "no_cfunc_wrapper": True,
    }

    def __init__(self) -> None:
        from numba import types  # noqa: PLC0415 - takes a quarter of a second
        from numba.extending import typeof_impl  # noqa: PLC0415

        self._types = types
        self._dispatchers: dict[Compiled, Any] = {}
        for kind in (Compiled, Entry):
            typeof_impl.register(kind)(lambda function, _: types.Dispatcher(self._dispatcher(function)))

    def compile(self, entry: Entry) -> tuple[str, Any]:
        """Return the symbol of an entry, and LLVM's module with it and all that it calls."""
        (result,) = self._dispatcher(entry).overloads.values()
        return result.fndesc.llvm_func_name, llvm.parse_assembly(result.library.get_llvm_str())

    def _dispatcher(self, function: Compiled) -> Any:
        from numba import njit  # noqa: PLC0415

        if function not in self._dispatchers:
            signature = tuple(map(self._type, function.parameters))
            self._dispatchers[function] = njit([signature], **self._OPTIONS)(function.function)
        return self._dispatchers[function]

    def _type(self, kind: Any) -> Any:
        """Return Numba's type for an annotation."""
        types = self._types
        if (array := array_of(kind)) is not None:
            return types.Array(getattr(types, array[0].name), array[1], "C")
        if hasattr(kind, "_fields"):
            return types.BaseTuple.from_types(list(map(self._type, fields_of(kind))), kind)
        return {int: types.int64, bool: types.boolean}.get(kind) or getattr(types, kind.__name__)
