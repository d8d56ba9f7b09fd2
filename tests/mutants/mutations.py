"""Make mutants of a module: its source with one small change each, which a test should see."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

OTHER = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.MatMult: ast.Mult,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift,
    ast.And: ast.Or, ast.Or: ast.And,
    ast.Break: ast.Continue, ast.Continue: ast.Break,
}  # fmt: skip
Change = Callable[[ast.AST], None]
_STATEMENTS = ast.stmt | ast.ExceptHandler | ast.match_case


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One change: ``key`` names it, whatever its line; lines are those of its statement.

    at_import: whether the line runs when the module is imported, and so in every test.
    """

    key: str
    lines: range
    at_import: bool
    tree: ast.Module


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of a source, in the order of its lines."""
    tree = ast.parse(source)
    places = list(_places(tree))
    keys: Counter[str] = Counter()
    for number, place in enumerate(places):
        for change in _changes(place.node):
            mutated = copy.deepcopy(tree)
            node = list(_places(mutated))[number].node
            before = _shown(node)
            change(node)
            key = f"{place.scope}: {before} -> {_shown(node)}"
            keys[key] += 1
            again = f" #{keys[key]}" if keys[key] > 1 else ""
            lines = range(place.first, place.last + 1)
            ast.fix_missing_locations(mutated)
            yield Mutant(key=key + again, lines=lines, at_import=place.at_import, tree=mutated)


@dataclass(frozen=True, kw_only=True)
class _Place:
    node: ast.AST
    scope: str
    at_import: bool
    first: int
    last: int


def _places(node: ast.AST, scope: str = "", at_import: bool = True) -> Iterator[_Place]:
    """Yield the nodes of all statements below a node, without decorators and annotations."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.stmt):
            if isinstance(child, ast.ExceptHandler | ast.match_case):
                yield from _places(child, scope, at_import)
            continue
        bodies = [
            item
            for field, value in ast.iter_fields(child)
            if isinstance(value, list) and field in ("body", "orelse", "finalbody", "handlers")
            for item in value
        ]
        last = min((item.lineno for item in bodies), default=child.end_lineno + 1) - 1
        for own in _own_nodes(child):
            yield _Place(
                node=own,
                scope=scope or "module",
                at_import=at_import,
                first=child.lineno,
                last=max(last, child.lineno),
            )
        named = isinstance(child, ast.FunctionDef | ast.ClassDef)
        below = f"{scope}.{child.name}".lstrip(".") if named else scope
        yield from _places(child, below, at_import and not isinstance(child, ast.FunctionDef))


def _own_nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    """Yield a statement and the nodes of its expressions, without those of statements in it."""
    queue: list[ast.AST] = [statement]
    for node in queue:
        yield node
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "decorator_list"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not isinstance(child, _STATEMENTS):
                    queue.append(child)


def _changes(node: ast.AST) -> Iterator[Change]:
    """Yield what changes a node, in place, into its mutants."""
    if isinstance(node, ast.Compare):
        for index in range(len(node.ops)):
            yield lambda own, index=index: _swap(own.ops, index)
    elif isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign):
        yield lambda own: setattr(own, "op", OTHER[type(own.op)]())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield lambda own: setattr(own, "op", ast.UAdd())
    elif isinstance(node, ast.UnaryOp):  # not, ~: twice
        yield lambda own: setattr(own, "operand", ast.UnaryOp(own.op, own.operand))
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield lambda own: setattr(own, "value", _other_number(own.value))
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        if not isinstance(node.test, ast.Compare | ast.Constant):
            yield lambda own: setattr(own, "test", ast.UnaryOp(ast.Not(), own.test))
    elif isinstance(node, ast.Return) and node.value is not None:
        if not isinstance(node.value, ast.Constant):
            yield lambda own: setattr(own, "value", ast.Constant(None))
    elif isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant | ast.Yield):
        yield lambda own: setattr(own, "value", ast.Constant(None))


def _swap(ops: list[ast.cmpop], index: int) -> None:
    ops[index] = OTHER[type(ops[index])]()


def _other_number(value: float) -> float:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return 2 * value if value else 1.0


def _shown(node: ast.AST) -> str:
    """Return a node's source, of a compound statement the first line."""
    return ast.unparse(node).splitlines()[0][:100]
