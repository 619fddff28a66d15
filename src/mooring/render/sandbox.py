"""The adapter to Jinja: templates are untrusted, undefined names are errors, values are quoted.

Importing this module imports Jinja, so only the functions that render do it.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2
import jinja2.runtime
import jinja2.sandbox

from mooring.errors import InputError
from mooring.render.limits import OutOfTime, limited
from mooring.render.locate import load_template, missing_hint
from mooring.render.quoting import BARE, FILTERS, Quoted, QuotingError

MAX_OUTPUT_CHARACTERS = 4 << 20
MAX_SECONDS = 10.0
MAX_MEMORY_BYTES = 512 << 20
MAX_INTEGER_BITS = 4096


class TemplateProblem(InputError):
    """A template is wrong: its syntax, a name it uses, or what it does (exit code 2)."""


def _join(parts: Iterable[str]) -> Quoted:
    return Quoted("".join(parts))


def _checked(value: object) -> object:
    """Let only quoted text, numbers and text without special characters into the output."""
    if isinstance(value, (Quoted, jinja2.Undefined)):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and (not value or BARE.fullmatch(value)):
        return value
    shown = repr(value)[:60]
    raise QuotingError(
        f"the template writes {shown} without quoting it",
        hint="pass it through one of the filters " + ", ".join(sorted(FILTERS)),
    )


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "it takes too much memory"
    return str(error) or type(error).__name__


class _Environment(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """A sandbox whose blocks, macros and `super()` give text that is quoted already."""

    concat = staticmethod(_join)
    intercepted_binops = frozenset({"*", "**"})

    def call_binop(
        self, context: jinja2.runtime.Context, operator: str, left: Any, right: Any
    ) -> Any:
        """Refuse arithmetic that no limit on time could interrupt: it is one long instruction."""
        if isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length() * (abs(right) if operator == "**" else 1)
            if bits + right.bit_length() > MAX_INTEGER_BITS:
                raise TemplateProblem("the template computes a number that is too large")
        return super().call_binop(context, operator, left, right)


class Templates:
    """The templates of one project: the built-in ones and those inside its folder.

    Args:
        root: The project folder.
        seconds: Longest time that one template may take.
    """

    def __init__(self, root: Path, *, seconds: float = MAX_SECONDS) -> None:
        self._root = root
        self._seconds = seconds
        self._shown: set[str] = set()
        self._environment = _Environment(
            loader=jinja2.FunctionLoader(self._load),
            undefined=jinja2.StrictUndefined,
            finalize=_checked,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,  # what HTML needs is no protection here; `_checked` is
            auto_reload=False,
        )
        self._environment.filters.update(FILTERS)

    def render(self, name: str, context: Mapping[str, object]) -> str:
        """Render one template to text.

        Raises:
            InputError: The template is missing or wrong, or a value cannot be written.
        """
        try:
            with limited(seconds=self._seconds, memory=MAX_MEMORY_BYTES):
                return self._generate(name, context)
        except jinja2.TemplateNotFound as error:
            missing = str(error.name or name)
            raise TemplateProblem(
                f"there is no template {missing!r}",
                where=self._place(error),
                hint=missing_hint(missing),
            ) from error
        except jinja2.TemplateSyntaxError as error:
            raise TemplateProblem(
                f"the template does not parse: {error.message}",
                where=f"{error.filename or error.name or name}:{error.lineno}",
            ) from error
        except jinja2.UndefinedError as error:
            raise TemplateProblem(
                f"the template uses a name that has no value: {error.message}",
                where=self._place(error) or name,
                hint="known names: " + ", ".join(sorted(context)),
            ) from error
        except InputError as error:
            if error.where is None:
                error.where = self._place(error) or name
            raise
        except (
            jinja2.TemplateError,  # the sandbox among others
            ArithmeticError,
            AssertionError,
            AttributeError,
            LookupError,
            MemoryError,
            NameError,
            OutOfTime,
            RuntimeError,  # a template that extends or includes itself
            SyntaxError,  # Python's own: too many blocks inside each other
            TypeError,
            ValueError,
        ) as error:
            raise TemplateProblem(
                f"the template fails: {_reason(error)}",
                where=self._place(error) or name,
            ) from error

    def _generate(self, name: str, context: Mapping[str, object]) -> str:
        pieces: list[str] = []
        size = 0
        for piece in self._environment.get_template(name).generate(context):
            pieces.append(piece)
            size += len(piece)
            if size > MAX_OUTPUT_CHARACTERS:
                raise TemplateProblem(
                    f"the template writes more than {MAX_OUTPUT_CHARACTERS >> 20} MiB", where=name
                )
        return "".join(pieces)

    def _load(self, name: str) -> tuple[str, str | None, None] | None:
        found = load_template(name, self._root)
        if found is None:
            return None
        self._shown.add(found.shown)
        return found.text, found.shown, None

    def _place(self, error: BaseException) -> str | None:
        """Return `file:line` of the innermost template line that the error went through."""
        place = None
        for frame, line in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename in self._shown:
                place = f"{frame.f_code.co_filename}:{line}"
        return place
