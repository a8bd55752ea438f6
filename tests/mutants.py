"""A function broken in every way its comparisons, branches and sums can be, to see whether a test notices."""

import ast
import contextlib
import inspect
import textwrap
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType

FLIPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
EDGE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}


def broken(one: FunctionType, *, arithmetic: bool = False) -> Iterator[tuple[str, CodeType]]:
    """Every mutant of `one`: what was done to it, and its code."""
    source = textwrap.dedent(inspect.getsource(one))
    tree = ast.parse(source).body[0]
    assert isinstance(tree, ast.FunctionDef)
    for name in _conditions(tree):  # the tree is that mutant until the next is asked for
        yield name, compiled(tree)
    if arithmetic:
        for name in _sums(tree):
            yield name, compiled(tree)


def functions(module: ModuleType) -> Iterator[FunctionType]:
    """Those it defines itself, methods included."""
    for one in vars(module).values():
        if getattr(one, "__module__", "") != module.__name__:
            continue
        if inspect.isfunction(one):
            yield one
        elif inspect.isclass(one):
            yield from (method for method in vars(one).values() if inspect.isfunction(method))


_OTHER = {"min": "max", "max": "min", "any": "all", "all": "any", "add": "subtract", "subtract": "add"}
_TURNED: dict[type[ast.operator], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add}


def _sums(tree: ast.FunctionDef) -> Iterator[str]:
    """`min` for `max`, `any` for `all`, minus for plus, and the other way round."""
    for node in list(ast.walk(tree)):
        if isinstance(node, ast.Name) and node.id in _OTHER and node.id != "add":
            change = _change(node, "id", _OTHER[node.id])
        elif isinstance(node, ast.Attribute) and node.attr in ("add", "subtract"):
            change = _change(node, "attr", _OTHER[node.attr])
        elif isinstance(node, ast.BinOp) and type(node.op) in _TURNED:
            change = _change(node, "op", _TURNED[type(node.op)]())
        elif isinstance(node, ast.BoolOp):
            change = _change(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
        else:
            continue
        was = ast.unparse(node)
        with change:
            yield f"{was} -> {ast.unparse(node)}"


@contextlib.contextmanager
def _change(node: ast.AST, field: str, value: object) -> Iterator[None]:
    """In place and undone: a copy of the function for every mutant is what took long."""
    before = getattr(node, field)
    setattr(node, field, value)
    try:
        yield
    finally:
        setattr(node, field, before)


def _conditions(tree: ast.FunctionDef) -> Iterator[str]:
    """Every comparison flipped and moved by its edge, every branch taken never and always."""
    for node in list(ast.walk(tree)):
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            was = ast.unparse(node)
            for table in (FLIPPED, EDGE):
                other = table.get(type(node.ops[0]))
                if other is not None:
                    with _change(node, "ops", [other()]):
                        yield f"{was} -> {ast.unparse(node)}"
        if isinstance(node, ast.If | ast.IfExp):
            was = ast.unparse(node.test)
            for value in (False, True):
                with _change(node, "test", ast.copy_location(ast.Constant(value), node.test)):
                    yield f"if {was} -> {value}"
        if isinstance(node, ast.BoolOp):
            for drop in (index for index, value in enumerate(node.values) if decides(value)):
                left = [value for index, value in enumerate(node.values) if index != drop]
                gone = node.values[drop]
                with _change(node, "values", left if len(left) > 1 else left * 2):  # `a and a` is `a`
                    yield f"without {ast.unparse(gone)}"


def decides(value: ast.expr) -> bool:
    """`x is None` beside a rule that refuses None anyway is there for the type checker; a value after `or` is
    no condition."""
    if isinstance(value, ast.Compare):
        return not isinstance(value.ops[0], ast.Is | ast.IsNot)
    return not isinstance(value, ast.Name | ast.Attribute | ast.Constant)


def compiled(tree: ast.FunctionDef) -> CodeType:
    module = ast.Module(body=[tree], type_ignores=[])
    code = compile(module, "<mutant>", "exec")
    return next(one for one in code.co_consts if isinstance(one, CodeType) and one.co_name == tree.name)


def where(one: FunctionType) -> str:
    return f"{one.__module__.rpartition('.')[2]}.{one.__name__}"
