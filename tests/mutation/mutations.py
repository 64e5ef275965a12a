"""Mutations: every small change that mutation testing makes to a module, one at a time.

`mutations` enumerates them in a fixed order, `mutated` compiles one of them. A mutation is identified by
its function and its text, so that a list of equivalent ones survives edits elsewhere in the file.
Left alone are texts for people (messages of errors, logs, docstrings), assertions, types and `__slots__`.
"""

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from types import CodeType
from typing import NamedTuple

_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases", "decorator_list")
_SKIPPED_FIELDS = ("annotation", "returns", "decorator_list", "type_params", "bases")
_CONTEXT = 50

_COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list", "reversed": "list"}
# A member of an enumeration becomes another one: the reason of a change, the kind of an event.
_MEMBERS = {
    "Reason": ("LATE_EVENT", "LEFT"),
    "Kind": ("JOIN", "LEAVE"),
    "LeftBy": ("REPORTED", "TIMEOUT"),
    "Inferred": ("SNAPSHOT", "TIMEOUT"),
    "MessageType": ("MEETING_STARTED", "MEETING_ENDED"),
    "Origin": ("LIVE", "IMPORTED"),
}


class Mutation(NamedTuple):
    """A change to one place: in which function or class, and from what to what."""

    function: str
    change: str


def mutations(source: str) -> list[Mutation]:
    """Return all mutations of a module, in a fixed order."""
    return [mutation for mutation, _ in _walk(ast.parse(source))]


def mutated(source: str, wanted: Mutation, path: str) -> CodeType:
    """Return the compiled module with that one mutation in it."""
    for mutation, tree in _walk(ast.parse(source)):
        if mutation == wanted:
            return compile(ast.fix_missing_locations(tree), path, "exec")
    raise LookupError(wanted)


def _walk(tree: ast.Module) -> Iterator[tuple[Mutation, ast.Module]]:
    """Yield each mutation while it is in the tree."""
    seen: Counter[Mutation] = Counter()
    for function, change in _in_body(tree, ()):
        seen[Mutation(function, change)] += 1
        again = seen[Mutation(function, change)]
        yield Mutation(function, change if again == 1 else f"{change} (#{again})"), tree


def _in_body(owner: ast.AST, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        statements = getattr(owner, block, [])
        for number, statement in enumerate(statements):
            yield from _of_statement(statements, number, statement, names)


def _of_statement(
    block: list[ast.AST], number: int, statement: ast.AST, names: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    if _is_left_alone(statement):
        return
    function = ".".join(names) or "<module>"
    before = _head(statement)
    if _may_be_removed(block, number, statement, names):
        block[number] = ast.Pass()
        yield function, f"{_shortened(before)} => (removed)"
        block[number] = statement
    if isinstance(statement, ast.match_case) and len(block) > 1:
        del block[number]
        yield function, f"{_shortened(before)} => (removed)"
        block.insert(number, statement)
    if not isinstance(statement, ast.Raise):
        for _ in _in_expressions(statement):
            yield function, _difference(before, _head(statement))
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        names = (*names, statement.name)
    yield from _in_body(statement, names)


def _is_left_alone(statement: ast.AST) -> bool:
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.Assert() | ast.Pass():
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="log")))):
            return True
        case ast.ClassDef(bases=[ast.Name(id="Protocol")]):
            return True
        case ast.Assign(targets=[ast.Name(id="__slots__" | "log")]):
            return True
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.BinOp(op=ast.BitOr()) | ast.Subscript()):
            return name[0].isupper()  # a name for a type
        case _:
            return False


def _may_be_removed(block: list[ast.AST], number: int, statement: ast.AST, names: tuple[str, ...]) -> bool:
    match statement:
        case ast.Expr() | ast.AugAssign() | ast.Continue() | ast.Break() | ast.Raise() | ast.Delete():
            return True
        case ast.Assign(targets=[ast.Name()]) | ast.AnnAssign(target=ast.Name()):
            return False  # the name would be missing, which proves nothing
        case ast.Assign() | ast.AnnAssign(value=ast.expr()):
            return bool(names)
        case ast.Return():
            return number < len(block) - 1 or len(block) == 1
        case _:
            return False


def _head(statement: ast.AST) -> str:
    """The text of a statement, without the statements in it."""
    alone = copy.copy(statement)
    for block in _BLOCKS:
        if hasattr(alone, block):
            setattr(alone, block, [])
    return " ".join(ast.unparse(alone).split())


def _shortened(text: str) -> str:
    return text if len(text) <= 2 * _CONTEXT else f"{text[: 2 * _CONTEXT]}..."


def _difference(before: str, after: str) -> str:
    """Both texts, or the places where they differ if they are long."""
    if len(before) <= 2 * _CONTEXT:
        return f"{before} => {after}"
    first = next((n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(after))
    last = next((n for n, (a, b) in enumerate(zip(before[::-1], after[::-1], strict=False)) if a != b), 0)
    last = min(last, len(before) - first, len(after) - first)
    low, high = max(0, first - _CONTEXT), max(0, last - _CONTEXT)
    return f"...{before[low : len(before) - high]}... => ...{after[low : len(after) - high]}..."


# Expressions.


def _in_expressions(node: ast.AST) -> Iterator[None]:
    """Yield once for each mutation of the expressions of a node, while it is in the tree."""
    for field, value in ast.iter_fields(node):
        if field in _SKIPPED_FIELDS or (field in _BLOCKS and not isinstance(node, ast.Lambda | ast.IfExp)):
            continue
        if isinstance(value, ast.AST):
            yield from _at(value, lambda new, field=field: setattr(node, field, new))
        elif isinstance(value, list):
            for number, item in enumerate(value):
                if isinstance(item, ast.AST):
                    yield from _at(item, lambda new, v=value, n=number: v.__setitem__(n, new))
    yield from _of_parts(node)
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        yield from _negated(node, "test")
    if isinstance(node, ast.Return) and not (node.value is None or isinstance(node.value, ast.Constant)):
        value, node.value = node.value, ast.Constant(None)
        yield
        node.value = value


def _at(node: ast.AST, put: Callable[[ast.AST], None]) -> Iterator[None]:
    for new in _replacements(node):
        put(new)
        yield
        put(node)
    yield from _in_expressions(node)


def _negated(node: ast.AST, field: str) -> Iterator[None]:
    test = getattr(node, field)
    if not isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.Constant):
        setattr(node, field, ast.UnaryOp(ast.Not(), test))
        yield
        setattr(node, field, test)


def _replacements(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of an expression."""
    match node:
        case ast.Compare(ops=ops):
            for number, op in enumerate(ops):
                for other in _COMPARISONS[type(op)]:
                    yield ast.Compare(
                        node.left, [*ops[:number], other(), *ops[number + 1 :]], node.comparators
                    )
        case ast.BinOp(op=op) if type(op) in _OPERATORS:
            yield ast.BinOp(node.left, _OPERATORS[type(op)](), node.right)
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node.operand
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            for number in range(len(values)):
                others = [*values[:number], *values[number + 1 :]]
                yield others[0] if len(others) == 1 else ast.BoolOp(op, others)
        case ast.IfExp():
            yield node.body
            yield node.orelse
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
            if value > 0:
                yield ast.Constant(value - 1)
        case ast.Constant(value=float(value)):
            yield ast.Constant(value + 1.0)
        case ast.Constant(value=str(value)):
            yield ast.Constant(f"XX{value}")
        case ast.Call(func=ast.Name(id=name)) if name in _CALLS:
            yield ast.Call(ast.Name(_CALLS[name], ast.Load()), node.args, _taken_by(name, node.keywords))
        case ast.Attribute(value=ast.Name(id=enum), attr=member) if enum in _MEMBERS:
            first, second = _MEMBERS[enum]
            yield ast.Attribute(node.value, second if member == first else first, node.ctx)


def _taken_by(name: str, keywords: list[ast.keyword]) -> list[ast.keyword]:
    return [] if name in ("sorted", "reversed") else keywords


def _of_parts(node: ast.AST) -> Iterator[None]:
    """Leave out one part of a whole: an argument, an element, a condition, a bound."""
    match node:
        case ast.Call(args=args, keywords=keywords):
            yield from _without_each(keywords)
            if len(args) + len(keywords) > 1:
                yield from _without_each(args, only_last=True)
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
            yield from _without_each(elements, only_starred=True)
        case ast.comprehension(ifs=conditions):
            yield from _without_each(conditions)
        case ast.JoinedStr(values=values):
            yield from _without_each(values)
        case ast.Slice():
            for bound in ("lower", "upper"):
                yield from _without(node, bound)
    if isinstance(node, ast.comprehension):
        for number, condition in enumerate(node.ifs):
            if not isinstance(condition, ast.Compare | ast.BoolOp | ast.UnaryOp):
                node.ifs[number] = ast.UnaryOp(ast.Not(), condition)
                yield
                node.ifs[number] = condition


def _without(node: ast.AST, field: str) -> Iterator[None]:
    value = getattr(node, field)
    if value is not None:
        setattr(node, field, None)
        yield
        setattr(node, field, value)


def _without_each(parts: list, *, only_last: bool = False, only_starred: bool = False) -> Iterator[None]:
    for number, part in enumerate(parts):
        if (only_last and number < len(parts) - 1) or (only_starred and not isinstance(part, ast.Starred)):
            continue
        del parts[number]
        yield
        parts.insert(number, part)
