"""Counts what `style.md` limits. Each rule takes a source file and yields one line for each place that breaks it."""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

MODULE_LINES = 250
FUNCTION_LINES = 50
PARAMETERS = 6
POSITIONAL = 2

FORBIDDEN_WORDS = frozenset({
    "base", "common", "constants", "core", "handler", "helper", "helpers", "job", "jobs", "manager", "prediction",
    "processor", "util", "utils",
})  # fmt: skip
# Decorators that hand a function to a framework, which calls it with arguments by name.
FRAMEWORK_DECORATORS = frozenset(
    {"callback", "command", "delete", "fixture", "get", "given", "patch", "post", "put", "with_session"}
)
REASON = r"\s+[-#].*\w"
CODED_IGNORE = re.compile(r"type: ignore\[[a-z, -]+\]" + REASON)
CODED_NOQA = re.compile(r"noqa: [A-Z]+\d+(, [A-Z]+\d+)*" + REASON)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One Python file: ``name`` is its path from the root of the repository."""

    name: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All of the tree: eight rules walk it."""
        return tuple(ast.walk(self.tree))


Rule = Callable[[Source], Iterator[str]]


def module_is_short(source: Source) -> Iterator[str]:
    lines = len(source.text.splitlines())
    if lines > MODULE_LINES:
        yield f"{source.name}: {lines} lines"


def functions_are_short(source: Source) -> Iterator[str]:
    for function in functions_of(source):
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines > FUNCTION_LINES:
            yield f"{place(source, function)} {function.name} has {lines} lines"


def parameters_are_few(source: Source) -> Iterator[str]:
    """At most six; those beyond the second by keyword only, unless somebody else decides how the call looks."""
    foreign = set(foreign_methods(source)) if "/adapters/" in source.name else set()
    for function in functions_of(source):
        positional = positional_parameters(function)
        total = len(positional) + len(function.args.kwonlyargs)
        if total > PARAMETERS:
            yield f"{place(source, function)} {function.name} has {total} parameters"
        free = is_called_by_a_framework(function) or function in foreign
        if len(positional) > POSITIONAL and not free:
            yield f"{place(source, function)} {function.name} takes {len(positional)} by position"


def foreign_methods(source: Source) -> Iterator[Function]:
    """In an adapter a Protocol describes a library's class, and a base with a dot in its name is one: the methods are
    called as the library wants.
    """
    for node in source.nodes:
        bases = [ast.unparse(base) for base in node.bases] if isinstance(node, ast.ClassDef) else []
        if isinstance(node, ast.ClassDef) and any(base == "Protocol" or "." in base for base in bases):
            yield from (item for item in node.body if isinstance(item, Function))


def positional_parameters(function: Function) -> list[str]:
    """What a caller may pass by position; a leading underscore marks what a protocol of others makes us take."""
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    return [name for name in names if name not in {"self", "cls"} and not name.startswith("_")]


def is_called_by_a_framework(function: Function) -> bool:
    if function.name.startswith(("test_", "__")):
        return True
    decorators = (d.func if isinstance(d, ast.Call) else d for d in function.decorator_list)
    names = (d.attr if isinstance(d, ast.Attribute) else getattr(d, "id", "") for d in decorators)
    return any(name in FRAMEWORK_DECORATORS for name in names)


def module_says_what_lives_here(source: Source) -> Iterator[str]:
    if not ast.get_docstring(source.tree):
        yield f"{source.name}: no docstring"


def names_mean_something(source: Source) -> Iterator[str]:
    """No filler words in the names of modules, classes and functions (`design.md`, section 2)."""
    defined = [node for node in source.nodes if isinstance(node, ast.ClassDef | Function)]
    places = [(source.name, source.name), *((place(source, node), node.name) for node in defined)]
    for where, name in places:
        if filler := FORBIDDEN_WORDS.intersection(words_of(name.removesuffix(".py"))):
            yield f"{where} {name} says {', '.join(sorted(filler))}"


def words_of(name: str) -> list[str]:
    """The words of a path, a snake_case or a CamelCase name."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def suppressions_say_why(source: Source) -> Iterator[str]:
    """Every suppression of a check carries the code of the check and a reason."""
    if "noqa" not in source.text and "type: ignore" not in source.text:
        return
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type != tokenize.COMMENT:
            continue
        for marker, coded in (("type: ignore", CODED_IGNORE), ("noqa", CODED_NOQA)):
            if marker in token.string and not coded.search(token.string):
                yield f"{source.name}:{token.start[0]} {token.string}"


def tests_patch_nothing(source: Source) -> Iterator[str]:
    """Fakes come in by the front door: no mock library, no `monkeypatch.setattr`."""
    for node in source.nodes:
        imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        imported += [f"{node.module}.{alias.name}" for alias in node.names] if isinstance(node, ast.ImportFrom) else []
        if any(name.startswith(("mock", "unittest.mock", "pytest_mock")) for name in imported):
            yield f"{place(source, node)} imports a mock library"
        if is_named(node, "monkeypatch.setattr"):
            yield f"{place(source, node)} patches an attribute"


def tests_never_sleep(source: Source) -> Iterator[str]:
    """A test waits for a condition or an event, with a deadline; a fixture may be slow on purpose."""
    if source.name.startswith("tests/fixtures/"):
        return
    for node in source.nodes:
        imports = isinstance(node, ast.ImportFrom) and node.module == "time" and "sleep" in {a.name for a in node.names}
        if imports or is_named(node, "time.sleep"):
            yield f"{place(source, node)} sleeps"


def functions_of(source: Source) -> Iterator[Function]:
    return (node for node in source.nodes if isinstance(node, Function))


def is_named(node: ast.AST, dotted: str) -> bool:
    """Whether it is this attribute. Only one whose last word fits is written out, which costs the most of all here."""
    last = dotted.rpartition(".")[2]
    return isinstance(node, ast.Attribute) and node.attr == last and ast.unparse(node) == dotted


def place(source: Source, node: ast.AST) -> str:
    return f"{source.name}:{getattr(node, 'lineno', 0)}"


def read_sources(root: Path, *folders: str) -> list[Source]:
    paths = [path for folder in folders for path in sorted((root / folder).rglob("*.py"))]
    return [Source(str(path.relative_to(root)), path.read_text(encoding="utf-8")) for path in paths]
