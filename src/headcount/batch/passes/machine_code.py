"""Machine code of all entries: compiled by Numba once, stored in one file, and loaded by LLVM alone.

The file has one line of JSON, with the symbol of each entry, and an object file. Compiling takes some seconds; loading takes
milliseconds, and needs neither Numba nor Python's compiler.

Responsible for compiling, storing and loading. Must not know what the entries do.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from hashlib import sha256
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any, Final, cast

import llvmlite.binding as llvm

from headcount.batch.passes import cache
from headcount.batch.passes.jit import Compiled, Entry, array_of, fields_of

_MODULES = ("attributes", "partition", "stay_tables", "tables", "uuid5", "vocabulary")
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
    """Compile all entries into one object file: Numba translates each function once, and LLVM optimizes all together."""
    numba = _Numba()
    with numba.translating():
        results = {entry.name: numba.translated(entry) for entry in _entries()}
    symbols = {name: str(result.fndesc.llvm_func_name) for name, result in results.items()}
    whole = llvm.parse_assembly("")
    for module in _modules(result.library for result in results.values()):
        whole.link_in(module, preserve=True)
    _optimize(whole, list(symbols.values()))
    return symbols, _machine().emit_object(whole)


def _modules(libraries: Iterable[Any]) -> Iterator[Any]:
    """Yield the modules of Numba's libraries and of all that they call, each once."""
    waiting, seen = list(libraries), set()
    while waiting:
        library = waiting.pop()
        if library in seen:
            continue
        seen.add(library)
        if library._finalized:  # noqa: SLF001 - one that other code of this process needed before
            yield library._get_module_for_linking()  # noqa: SLF001
        else:
            yield library._final_module  # noqa: SLF001
            waiting += library._linking_libraries  # noqa: SLF001


def _optimize(whole: Any, symbols: list[str]) -> None:
    """Optimize a module. Only these functions are called from outside: all others may be inlined and removed."""
    for value in (*whole.functions, *whole.global_variables):
        if not value.is_declaration and value.name not in symbols:
            value.linkage = "internal"
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    builder = llvm.create_pass_builder(_machine(), options)
    builder.getModulePassManager().run(whole, builder)


class _Numba:
    """Numba's translation to LLVM's modules, with one signature for each function: that of its annotations.

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

    @contextmanager
    def translating(self) -> Iterator[None]:
        """Let Numba only translate. It would link, optimize and load each function with all that it calls, at half of the time."""
        from numba.core.codegen import JITCodeLibrary  # noqa: PLC0415
        from numba.core.cpu import CPUContext  # noqa: PLC0415
        from numba.core.registry import cpu_target  # noqa: PLC0415

        class Library(JITCodeLibrary):
            def _optimize_functions(self, module: Any) -> None:
                pass

            def add_linking_library(self, library: Any) -> None:
                self._linking_libraries.append(library)

        codegen, context = cpu_target.target_context.codegen(), cast("Any", CPUContext)
        before = codegen._library_class, context.get_executable  # noqa: SLF001
        codegen._library_class = Library  # noqa: SLF001
        context.get_executable = lambda *_: [].copy  # a built-in function of its own, which is not called
        try:
            yield
        finally:
            codegen._library_class, context.get_executable = before  # noqa: SLF001

    def translated(self, entry: Entry) -> Any:
        """Return Numba's result for an entry."""
        (result,) = self._dispatcher(entry).overloads.values()
        return result

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
