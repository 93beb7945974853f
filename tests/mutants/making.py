"""Mutants of a module: its text with one small change, as a slip would make it.

To cosmic-ray's mutants it adds: something left out (a statement, an argument, an element, an
operand, a branch), a text emptied or made longer, arguments in the wrong order, a similar method or
field, an exception handler that catches everything.

Code that only a type checker or a reader sees is not mutated. Two mutants with the same meaning in
Python count as one.
"""

import ast
import copy
import re
import textwrap
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

# Names that are easily taken for each other.
_TWINS = (
    ("lower", "upper"),
    ("partition", "rpartition"),
    ("removeprefix", "removesuffix"),
    ("startswith", "endswith"),
    ("strip", "rstrip"),
    ("rstrip", "lstrip"),
    ("split", "rsplit"),
    ("lstat", "stat"),
    ("isdigit", "isalnum"),
    ("isalpha", "isalnum"),
    ("isdir", "exists"),
    ("dirname", "basename"),
    ("st_mtime_ns", "st_ctime_ns"),
    ("min", "max"),
    ("any", "all"),
)
_TWIN = dict(_TWINS) | {right: left for left, right in reversed(_TWINS)}
_SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Raise, ast.Return, ast.If, ast.For)
_PLAIN = (ast.Constant, ast.Name, ast.Call, ast.Attribute, ast.Starred)
# Skipped operators of cosmic-ray: those that need names as parameters; that of exceptions, which
# fails for `module.Name` in a tuple; `is` for `==`, which is the same or depends on chance; and
# most replacements of an operator by its eleven others, which raise TypeError or do the same, as
# `^` for `|` between flags.
_LEFT_OUT = re.compile(
    r"Variable|ExceptionReplacer|Comparison.*_Is|BinaryOperator_(?!Add_Sub|Sub_Add|Mul_Add|Mul_FloorDiv|FloorDiv_M"
    r"|Mod_FloorDiv|Mod_Add|Div_Mul|BitOr_BitAnd|BitAnd_BitOr|Pow_Mul)"
)
_Placed = ast.expr | ast.stmt | ast.keyword  # a node with a position in the text
_Node = TypeVar("_Node", bound=ast.AST)
_NOTHING = "*()"  # no element or argument


@dataclass(frozen=True)
class Mutant:
    """A module with one thing changed.

    source: the whole text. line: the first changed line, counted from 1. where: its function or
    class, or "". was, now: the changed lines, without their indentation.
    """

    source: str
    line: int
    where: str
    was: str
    now: str


def make_mutants(source: str) -> list[Mutant]:
    """Return every mutant of a module's text, in the order of its lines."""
    tree = ast.parse(source)
    seen = {_normalize(tree)}
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as: "is" with a literal
        for text in (*_mutate_by_cosmic_ray(source, tree), *_Changes(source, tree)):
            try:
                meaning = _normalize(ast.parse(text))
                compile(text, "mutant", "exec")
            except (SyntaxError, ValueError):
                continue
            if meaning not in seen:
                seen.add(meaning)
                found.append(_describe(source, tree, text))
    return sorted(found, key=lambda mutant: (mutant.line, mutant.now))


def _mutate_by_cosmic_ray(source: str, tree: ast.Module) -> Iterator[str]:
    lines = source.splitlines(keepends=True)
    kinds = [get_operator(name) for name in operator_names() if not _LEFT_OUT.search(name)]
    for first, last, indent in _split(tree):
        # Its parser is slow, so it gets one part at a time.
        part = textwrap.dedent("".join(lines[first - 1 : last]))
        nodes = list(ast_nodes(get_ast(part)))
        for kind in kinds:
            count = sum(len(list(kind().mutation_positions(node))) for node in nodes)
            for number in range(count):
                text = textwrap.indent(mutate_code(part, kind(), number) or part, " " * indent)
                yield "".join([*lines[: first - 1], text, *lines[last:]])


def _split(tree: ast.Module) -> Iterator[tuple[int, int, int]]:
    """Return first line, last line and indentation of each statement outside of functions."""
    for outer in tree.body:
        for node in outer.body if isinstance(outer, ast.ClassDef) else [outer]:
            lines = [one.lineno for one in getattr(node, "decorator_list", [])]
            yield min([node.lineno, *lines]), node.end_lineno or node.lineno, node.col_offset


def _describe(source: str, tree: ast.Module, text: str) -> Mutant:
    old, new = source.splitlines(), text.splitlines()
    start = end = 0
    while old[start] == new[start]:
        start += 1
    while old[-1 - end] == new[-1 - end] and end < min(len(old), len(new)) - start - 1:
        end += 1
    where = ""
    for node in ast.walk(tree):  # the outer ones come first
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            lines = range(node.lineno, (node.end_lineno or 0) + 1)
            where = node.name if start + 1 in lines else where
    was = "\n".join(one.strip() for one in old[start : len(old) - end])
    now = "\n".join(one.strip() for one in new[start : len(new) - end])
    return Mutant(text, start + 1, where, was, now)


def _normalize(tree: ast.Module) -> str:
    """Return a text that is the same for two modules with the same behaviour."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module)):
            parts = [_for_python(one) for one in node.body]
            node.body = [one for part in parts for one in part if not _is_for_readers(one)]
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
    return ast.dump(tree)


def _for_python(node: ast.stmt) -> list[ast.stmt]:
    """Return what runs of a statement: of `if TYPE_CHECKING`, the other branch."""
    is_checking = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    return node.orelse if isinstance(node, ast.If) and is_checking else [node]


def _is_for_readers(node: ast.stmt) -> bool:
    """Return whether a statement is a docstring, or for a type checker."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    test = node.test if isinstance(node, ast.If) and not node.orelse else None
    target = node.targets[0] if isinstance(node, ast.Assign) else test
    if isinstance(target, ast.UnaryOp):
        target = target.operand
    return isinstance(target, ast.Name) and target.id == "TYPE_CHECKING"


class _Changes:
    """The mutants that cosmic-ray lacks, one by one."""

    def __init__(self, source: str, tree: ast.Module) -> None:
        self._lines = source.splitlines(keepends=True)
        self._tree = tree
        self._parents = {
            child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)
        }
        slots = [
            [one.value for one in node.value.elts if isinstance(one, ast.Constant)]
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            and ast.unparse(node.targets[0]) == "__slots__"
            and isinstance(node.value, ast.Tuple)
        ]
        self._twin = dict(_TWIN)
        for names in slots:
            self._twin |= dict(pairwise([*map(str, names), *map(str, names[:1])]))

    def __iter__(self) -> Iterator[str]:
        for node in ast.walk(self._tree):
            yield from self._mutate_statement(node)
            yield from self._mutate_expression(node)
            yield from self._mutate_operation(node)
            yield from self._mutate_call(node)

    def _mutate_statement(self, node: ast.AST) -> Iterator[str]:
        if isinstance(node, (*_SIMPLE, ast.Expr)):
            yield self._replace(node, "pass")
        if isinstance(node, ast.Return) and node.value and ast.unparse(node.value) != "None":
            yield self._replace(node, "return")
        if isinstance(node, (ast.If, ast.IfExp, ast.While)):
            yield self._replace(node.test, "False")
            if not isinstance(node, ast.While):
                yield self._replace(node.test, "True")
        if isinstance(node, ast.With):
            yield self._splice(node, node.items[-1].context_expr, "if True")
        if isinstance(node, ast.ExceptHandler) and node.type:
            yield self._replace(node.type, "Exception")
            yield self._replace(node.type, "()")
        if isinstance(node, ast.comprehension):
            for test in node.ifs:
                yield self._replace(test, "True")

    def _mutate_expression(self, node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
            kind = type(node.value)
            yield self._replace(node, ast.Constant(kind()))
            longer = b"`" + node.value if isinstance(node.value, bytes) else "`" + node.value
            yield self._replace(node, ast.Constant(longer))
        elif isinstance(node, (ast.Tuple, ast.List, ast.Set)):
            for one in node.elts:
                yield self._replace(one, _NOTHING)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                yield self._splice(key or value, value, "**{}")
        elif isinstance(node, ast.FormattedValue):
            yield self._replace(node, ast.Constant(""))
            if node.conversion == ord("a"):
                yield self._replace(node, _copy_with(node, conversion=ord("r")))
        elif isinstance(node, ast.Slice):
            for name in ("lower", "upper"):
                if getattr(node, name):
                    yield self._replace(node, _copy_with(node, **{name: None}))
        elif isinstance(node, (ast.Attribute, ast.Name)) and isinstance(node.ctx, ast.Load):
            kind_of_name = "attr" if isinstance(node, ast.Attribute) else "id"
            other = self._twin.get(getattr(node, kind_of_name))
            call = self._parents[node]
            is_changed = other != "rsplit" or (isinstance(call, ast.Call) and len(call.args) > 1)
            if other and is_changed:
                yield self._replace(node, _copy_with(node, **{kind_of_name: other}))

    def _mutate_operation(self, node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.BoolOp):
            for at in range(len(node.values)):
                rest = node.values[:at] + node.values[at + 1 :]
                yield self._replace(node, _copy_with(node, values=rest))
        elif isinstance(node, ast.BinOp):
            yield self._replace(node, node.left)
            yield self._replace(node, node.right)
        elif isinstance(node, ast.UnaryOp):
            yield self._replace(node, node.operand)
        elif isinstance(node, ast.IfExp):
            yield self._replace(node, _copy_with(node, body=node.orelse, orelse=node.body))
        elif isinstance(node, ast.Compare) and len(node.ops) > 1:
            yield self._replace(
                node, _copy_with(node, ops=node.ops[:-1], comparators=node.comparators[:-1])
            )
            yield self._replace(
                node,
                ast.Compare(node.comparators[0], node.ops[1:], node.comparators[1:]),
            )

    def _mutate_call(self, node: ast.AST) -> Iterator[str]:
        if not isinstance(node, ast.Call):
            return
        for one in node.args:
            yield self._replace(one, _NOTHING)
            yield self._replace(one, "None")
        for keyword in node.keywords:
            yield self._replace(keyword, "**{}")
        for at in range(len(node.args) - 1):
            args = [*node.args]
            args[at], args[at + 1] = args[at + 1], args[at]
            yield self._replace(node, _copy_with(node, args=args))
        if len(node.args) == 1 and not node.keywords:
            yield self._replace(node, node.args[0])

    def _replace(self, node: _Placed, new: _Placed | str) -> str:
        """Return the text with a node replaced; inside an f-string, with the whole string."""
        top = node
        up: ast.AST | None = node
        while up is not None:
            top = up if isinstance(up, ast.JoinedStr) else top
            up = self._parents.get(up)
        if isinstance(top, ast.JoinedStr) and top is not node:
            if isinstance(new, str):
                new = ast.parse(new, mode="eval").body if new[0] != "*" else ast.Constant("")
            new = _Swap(node, new).visit(copy.deepcopy(top, {id(node): node}))
        if not isinstance(new, str):
            text = ast.unparse(ast.fix_missing_locations(new))
            new = text if isinstance(new, (*_PLAIN, ast.Slice)) else f"({text})"
        return self._splice(top, top, new)

    def _splice(self, first: _Placed, last: _Placed, new: str) -> str:
        start, end = first.lineno - 1, (last.end_lineno or 0) - 1
        before = [*self._lines[:start], self._lines[start][: first.col_offset]]
        after = [self._lines[end][last.end_col_offset :], *self._lines[end + 1 :]]
        return "".join([*before, new, *after])


class _Swap(ast.NodeTransformer):
    """Replaces one node by another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old = old
        self._new = new

    def visit(self, node: ast.AST) -> Any:
        return self._new if node is self._old else self.generic_visit(node)


def _copy_with(node: _Node, **fields: object) -> _Node:
    """Return a copy of a node with these fields changed."""
    made = copy.copy(node)
    for name, value in fields.items():
        setattr(made, name, value)
    return made
