"""The rules of the house, each a function from source text to what breaks it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "mooring"

RANKS = {
    "errors": 0,
    "platforms": 0,
    "digests": 0,
    "files": 0,
    "interpreters": 0,
    "process": 0,
    "reporting": 0,
    "threads": 0,
    "urls": 0,
    "uv": 0,
    "manifest": 1,
    "oci": 1,
    "lock": 2,
    "artifacts": 3,
    "resolve": 4,
    "render": 4,
    "install": 4,
    "verify": 4,
    "build": 5,
    "workflow": 6,
    "cli": 7,
    "__main__": 8,
}
FACES = {("build", "render"): "mooring.render.interface"}
"""Pairs of packages where the first sees one module of the second and no other."""

ADAPTERS = {
    "click": ("mooring.cli",),
    "rich": ("mooring.cli",),
    "subprocess": ("mooring.process",),
    "uv": ("mooring.uv",),
}
"""Outside modules, and the only places that may import them."""

MAX_LINES = 400

WRITERS = {
    "mooring.files": "whole files, or none",
    "mooring.oci.blob_store": "blobs, which get their names when they are whole",
    "mooring.build.in_image": "its answer, on standard output inside of the image",
    "mooring.build.context": "a tar that streams to the engine through a temporary file",
    "mooring.resolve.conda.provided": "stand-ins for what conda provides, in a temporary folder",
    "mooring.resolve.pypi.resolver": "the project that uv resolves, in a temporary folder",
    "mooring.workflow.secrets": "a secret for BuildKit in a private temporary folder",
}
"""The modules that open files for writing, each with its reason."""

_SIZE_RULES = re.compile(r"#.*noqa:.*\b(C901|PLR09\d\d)\b|#\s*(ruff|flake8):\s*noqa")
_INDEX_HOSTS = [
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("deb", "debian", "org"),
    ("security", "debian", "org"),
    ("snapshot", "debian", "org"),
    ("registry", "npmjs", "org"),
]
FORBIDDEN_HOSTS = re.compile("|".join(r"\.".join(parts) for parts in _INDEX_HOSTS))
MACHINE_PATHS = re.compile("|".join(["/wor" + "k/", "/far" + "m/", r"\.\./sha" + "red"]))

UNPINNED_ACTION = re.compile(r"\buses: *(?!\./)(?!\S+@[0-9a-f]{40} # v\d)\S+")


def imports(tree: ast.AST, modules: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield (line, module) of every import, wherever it stands; `modules` are those of ours."""
    known = set(modules)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for name in node.names:
                full = f"{base}.{name.name}"
                yield node.lineno, full if full in known else base


def package_of(module: str) -> str:
    """Return the package or module right under `mooring`; empty for `mooring` itself."""
    return module.split(".")[1] if "." in module else ""


def rank_problems(sources: Mapping[str, str]) -> list[str]:
    """Return every import of ours that does not point to a lower rank."""
    found = []
    for module, text in sources.items():
        for line, target in imports(ast.parse(text), sources):
            if target.split(".")[0] != "mooring":
                continue
            reason = _rank_problem(module, target)
            if reason:
                found.append(f"{module}:{line} imports {target}: {reason}")
    return found


def _rank_problem(module: str, target: str) -> str | None:
    own, other = package_of(module), package_of(target)
    if not own:
        return "`mooring` itself imports none of its parts"
    if not other or own == other:
        return None  # the version, or a neighbour in the same package
    if own not in RANKS or other not in RANKS:
        return "not in the table of ranks"
    if RANKS[other] > RANKS[own] or (RANKS[other] == RANKS[own] and RANKS[own] > 0):
        return f"rank {RANKS[own]} does not see rank {RANKS[other]}"
    face = FACES.get((own, other), target)
    return None if target == face else f"only {face} is seen from there"


def cycles(sources: Mapping[str, str]) -> list[str]:
    """Return the modules of every import cycle, one line a cycle."""
    graph = {
        module: {target for _, target in imports(ast.parse(text), sources) if target in sources}
        - {module}
        for module, text in sources.items()
    }
    while True:
        leaves = {module for module, targets in graph.items() if not targets & graph.keys()}
        if not leaves:
            break
        graph = {module: targets for module, targets in graph.items() if module not in leaves}
    return [f"{module} -> {', '.join(sorted(graph[module] & graph.keys()))}" for module in graph]


def adapter_problems(sources: Mapping[str, str]) -> list[str]:
    """Return every import of an outside module where it is not allowed."""
    return [
        f"{module}:{line} imports {target}"
        for module, text in sources.items()
        for line, target in imports(ast.parse(text), sources)
        if (allowed := ADAPTERS.get(target.split(".")[0]))
        and not any(module == place or module.startswith(f"{place}.") for place in allowed)
    ]


def terminal_problems(sources: Mapping[str, str]) -> list[str]:
    """Return every use of the terminal or of the exit outside of `cli`."""
    forbidden = {"print", "input", "exit", "quit", "breakpoint", "sys.exit", "os._exit"}
    forbidden |= {"sys.stdout", "sys.stderr", "sys.stdin", "SystemExit"}
    return [
        f"{module}:{node.lineno} uses {ast.unparse(node)}"
        for module, text in sources.items()
        if package_of(module) not in ("cli", "__main__")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.Name, ast.Attribute)) and ast.unparse(node) in forbidden
    ]


def import_time_problems(sources: Mapping[str, str]) -> list[str]:
    """Return what a module would look up on this machine when it is merely imported."""
    machine = re.compile(r"os\.(environ|getenv|getcwd)|Path\.(cwd|home)|shutil\.which|\bopen\b")
    return [
        f"{module}:{node.lineno} looks up {ast.unparse(node)} when imported"
        for module, text in sources.items()
        for node in _evaluated_on_import(ast.parse(text))
        if isinstance(node, (ast.Name, ast.Attribute))
        and isinstance(node.ctx, ast.Load)  # a field may be called `open`
        and machine.fullmatch(ast.unparse(node))
    ]


def _evaluated_on_import(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Lambda):
        return
    yield node
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        children: list[ast.AST] = [*node.decorator_list, *node.args.defaults]
    else:
        children = list(ast.iter_child_nodes(node))
    for child in children:
        yield from _evaluated_on_import(child)


def writing_problems(sources: Mapping[str, str]) -> list[str]:
    """Return every place outside of `WRITERS` that opens a file for writing."""
    return [
        f"{module}:{node.lineno} writes with {ast.unparse(node.func)}"
        for module, text in sources.items()
        if module not in WRITERS
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and _writes(node)
    ]


def _writes(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
    if name in ("write_text", "write_bytes"):
        return True
    first = 0 if name == "open" and isinstance(call.func, ast.Attribute) else 1
    modes = [*call.args[first:][:1], *(word.value for word in call.keywords if word.arg == "mode")]
    return name in ("open", "fdopen") and any(
        isinstance(mode, ast.Constant)
        and isinstance(mode.value, str)
        and re.fullmatch(r"[wax]b?\+?b?|rb?\+b?", mode.value)
        for mode in modes
    )


def size_problems(sources: Mapping[str, str]) -> list[str]:
    """Return modules that are too long, and places that silence the linter's size rules."""
    found = [
        f"{module} has {text.count(chr(10))} lines"
        for module, text in sources.items()
        if text.count("\n") > MAX_LINES
    ]
    for module, text in sources.items():
        for number, line in enumerate(text.splitlines(), 1):
            if _SIZE_RULES.search(line):
                found.append(f"{module}:{number} silences a size rule")
    return found


def matches(pattern: re.Pattern[str], files: Iterable[Path]) -> list[str]:
    """Return `file:line: text` of everything in these files that the pattern finds."""
    found = []
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue  # binary data, or deleted but still known to git
        found += [
            f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
            for match in pattern.finditer(text)
        ]
    return found
