"""The small faults that code may have: a comparison turned, a sum made a difference, a constant changed, a condition
negated; an argument, a result or a statement left out. None in what only speaks to a reader, to the type checker or to
the eye.
"""

import ast
import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

WORDS = ("print", "say", "warn", "warning", "info", "debug", "Option", "Argument", "cast", "isinstance")
LOOKS = ("color", "lw", "ls", "fontsize", "frameon", "rotation", "linestyles", "cmap", "alpha", "dpi", "markersize")
LOOKS += ("bbox_to_anchor", "bbox_inches", "figsize", "loc", "ha", "help", "indent", "no_args_is_help")
OTHERS: dict[type[ast.AST], tuple[type, ...]] = {  # what an operator may be mistaken for
    **{ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt)},
    **{ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,)},
    **{ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.And: (ast.Or,), ast.Or: (ast.And,)},
    **{ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div,), ast.Div: (ast.Mult,), ast.FloorDiv: (ast.Div,)},
    **{ast.Mod: (ast.Mult,), ast.Pow: (ast.Mult,), ast.BitAnd: (ast.BitOr,), ast.BitOr: (ast.BitAnd,)},
}


@dataclass(frozen=True)
class Mutant:
    """One fault: the bytes from `start` to `end` of a file become `new`; `before` is what stands before in the line."""

    file: str
    line: int
    before: str
    start: int
    end: int
    old: str
    new: str

    def lot(self, seed: int) -> bytes:
        """By these some are drawn; other lines may come and go, and it stays the same."""
        return hashlib.sha256(repr((seed, self.file, self.before, self.old, self.new)).encode()).digest()

    def __str__(self) -> str:
        old, new = (shown(text) for text in (self.old, self.new))
        same = next((i for i, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), 0)
        cut = max(0, same - 30) if len(old) > 90 else 0  # of a long text the place where it differs
        return f"{self.file}:{self.line}  {'…' * bool(cut)}{old[cut : cut + 90]} -> {new[cut : cut + 90]}"


def shown(text: str) -> str:
    """An expression as Python would write it, a statement in one line."""
    with contextlib.suppress(SyntaxError):
        text = ast.unparse(ast.parse(text, mode="eval"))
    return " ".join(text.split())


def turned(node: ast.AST, field: str, operator: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """A node with each operator that its own may be mistaken for."""
    for other in OTHERS.get(type(operator), ()):
        parts = dict(ast.iter_fields(node)) | {field: [other()] if field == "ops" else other()}
        text = ast.unparse(type(node)(**parts))
        yield node, text if isinstance(node, ast.AugAssign) else f"({text})"


def faults(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """What can be wrong with a node: which node's text becomes which."""
    match node:
        case ast.Compare(ops=[operator]):
            yield from turned(node, "ops", operator)
        case ast.BinOp(left, operator, right):
            if not any(isinstance(getattr(side, "value", side), str | ast.JoinedStr | None) for side in (left, right)):
                yield from turned(node, "op", operator)
        case ast.AugAssign(op=operator) | ast.BoolOp(op=operator):
            yield from turned(node, "op", operator)
        case ast.UnaryOp(_, operand):
            yield node, f"({ast.unparse(operand)})"
        case ast.If(test) | ast.IfExp(test) if not isinstance(test, ast.Compare | ast.UnaryOp):  # these turn themselves
            yield test, f"(not ({ast.unparse(test)}))"
        case ast.Constant(bool(value)):
            yield node, str(not value)
        case ast.Constant(int(value)):
            yield node, str(value + 1)
        case ast.Constant(float(value)):
            yield node, str(4 * value or 1.0)
        case ast.Return(value) if value and not (isinstance(value, ast.Constant) and value.value is None):
            yield node, "return None"
        case ast.Raise() | ast.Expr(ast.Call()):
            yield node, "pass"
        case ast.Call(called, arguments, keywords):
            if len(arguments) > 1:
                yield node, ast.unparse(ast.Call(called, arguments[:-1], keywords))
            for place, word in enumerate(keywords):
                if word.arg not in LOOKS:
                    yield node, ast.unparse(ast.Call(called, arguments, keywords[:place] + keywords[place + 1 :]))


def parts(node: ast.AST) -> list[ast.AST]:
    """The parts of a node whose faults count; none of what only speaks."""
    match node:
        case ast.Raise() | ast.Assert() | ast.JoinedStr() | ast.If(ast.Name("TYPE_CHECKING")):
            return []
        case ast.Expr(ast.Call(called)) | ast.Call(called):
            if (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")) in WORDS:
                return []
    fields = [each for name, each in ast.iter_fields(node) if name not in ("annotation", "returns", "decorator_list")]
    found = [part for each in fields for part in (each if isinstance(each, list) else [each])]
    return [each for each in found if isinstance(each, ast.AST) and getattr(each, "arg", None) not in LOOKS]


def mutants(file: Path, root: Path) -> list[Mutant]:
    """All mutants of a file."""
    text = file.read_bytes()
    starts = [0, *accumulate(map(len, text.splitlines(keepends=True)))]
    found, waiting = [], parts(ast.parse(text))
    while waiting:
        node = waiting.pop()
        waiting += (own := parts(node))
        speaks = isinstance(node, ast.Expr | ast.Call | ast.If) and not own
        for at, new in () if speaks else faults(node):
            start, end = starts[at.lineno - 1] + at.col_offset, starts[at.end_lineno - 1] + at.end_col_offset
            before, old = text[starts[at.lineno - 1] : start].decode(), text[start:end].decode()
            found.append(Mutant(str(file.relative_to(root)), at.lineno, before, start, end, old, new))
    return sorted(found, key=lambda mutant: (mutant.start, mutant.end, mutant.new))
