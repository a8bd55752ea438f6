"""A function broken in every way its comparisons, branches and sums can be, to see whether a test notices."""

import ast
import copy
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
    for name, mutant in mutants(tree):
        yield name, compiled(mutant)
    if arithmetic:
        for name, mutant in _sums(tree):
            yield name, compiled(mutant)


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


def _sums(tree: ast.FunctionDef) -> Iterator[tuple[str, ast.FunctionDef]]:
    """`min` for `max`, `any` for `all`, minus for plus, and the other way round."""
    for index, node in enumerate(ast.walk(tree)):
        if not _has_other_way(node):
            continue
        changed = copy.deepcopy(tree)
        spot = list(ast.walk(changed))[index]
        if isinstance(spot, ast.Name):
            spot.id = _OTHER[spot.id]
        elif isinstance(spot, ast.Attribute):
            spot.attr = _OTHER[spot.attr]
        elif isinstance(spot, ast.BinOp):
            spot.op = _TURNED[type(spot.op)]()
        elif isinstance(spot, ast.BoolOp):
            spot.op = ast.Or() if isinstance(spot.op, ast.And) else ast.And()
        yield f"{ast.unparse(node)} -> {ast.unparse(spot)}", changed


def _has_other_way(node: ast.AST) -> bool:
    """Asked before the whole function is copied: of most nodes nothing is made."""
    if isinstance(node, ast.Name):
        return node.id in _OTHER and node.id != "add"
    if isinstance(node, ast.Attribute):
        return node.attr in ("add", "subtract")
    if isinstance(node, ast.BinOp):
        return type(node.op) in _TURNED
    return isinstance(node, ast.BoolOp)


def mutants(tree: ast.FunctionDef) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every comparison flipped and moved by its edge, every branch taken never and always."""
    for index, node in enumerate(ast.walk(tree)):
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            for table in (FLIPPED, EDGE):
                other = table.get(type(node.ops[0]))
                if other is not None:
                    changed = copy.deepcopy(tree)
                    spot = list(ast.walk(changed))[index]
                    assert isinstance(spot, ast.Compare)
                    spot.ops = [other()]
                    yield f"{ast.unparse(node)} -> {ast.unparse(spot)}", changed
        if isinstance(node, ast.If | ast.IfExp):
            for value in (False, True):
                changed = copy.deepcopy(tree)
                spot = list(ast.walk(changed))[index]
                assert isinstance(spot, ast.If | ast.IfExp)
                spot.test = ast.Constant(value)
                yield f"if {ast.unparse(node.test)} -> {value}", changed
        if isinstance(node, ast.BoolOp):
            for drop in (index for index, value in enumerate(node.values) if decides(value)):
                changed = copy.deepcopy(tree)
                spot = list(ast.walk(changed))[index]
                assert isinstance(spot, ast.BoolOp)
                gone = spot.values.pop(drop)
                if len(spot.values) == 1:  # `a and a` is `a`
                    spot.values.append(copy.deepcopy(spot.values[0]))
                yield f"without {ast.unparse(gone)}", changed


def decides(value: ast.expr) -> bool:
    """`x is None` beside a rule that refuses None anyway is there for the type checker; a value after `or` is
    no condition."""
    if isinstance(value, ast.Compare):
        return not isinstance(value.ops[0], ast.Is | ast.IsNot)
    return not isinstance(value, ast.Name | ast.Attribute | ast.Constant)


def compiled(tree: ast.FunctionDef) -> CodeType:
    module = ast.Module(body=[tree], type_ignores=[])
    code = compile(ast.fix_missing_locations(module), "<mutant>", "exec")
    return next(one for one in code.co_consts if isinstance(one, CodeType) and one.co_name == tree.name)


def where(one: FunctionType) -> str:
    return f"{one.__module__.rpartition('.')[2]}.{one.__name__}"
