"""Match specifications: one normal form, and refusals of what would mean something else."""

from __future__ import annotations

import random
import re

import pytest
from rattler import MatchSpec as Solver
from rattler.exceptions import InvalidMatchSpecError

from mooring.errors import InputError
from mooring.manifest.matchspec import MAX_CHARACTERS, parse_spec, read_spec


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("NumPy", "numpy"),
        ("numpy 1.0", "numpy ==1.0"),
        ("numpy=1.0", "numpy 1.0.*"),
        ("numpy =1.0", "numpy 1.0.*"),
        ("python=3.10", "python 3.10.*"),
        ("numpy=1.0=py_0", "numpy ==1.0 py_0"),
        ("numpy =1.0 py_0", "numpy ==1.0 py_0"),
        ("numpy==1.0=py_0", "numpy ==1.0 py_0"),
        ("numpy=1.0.*=py_0", "numpy 1.0.* py_0"),
        ("numpy = 1.0", "numpy 1.0.*"),
        ("numpy==1.*", "numpy 1.*"),
        ("numpy 1.7*", "numpy 1.7.*"),
        ("numpy >= 2 , < 3", "numpy >=2,<3"),
        ("numpy>1.8,<2|==1.7", "numpy >1.8,<2|==1.7"),
        ("numpy >=3,(<4|<5)", "numpy >=3,(<4|<5)"),
        ("numpy (>=3,<4)|>5", "numpy >=3,<4|>5"),
        ("numpy>=2.*", "numpy >=2"),
        ("numpy *", "numpy"),
        ("blas=*=openblas", "blas * openblas"),
        ("blas * *openblas", "blas[build='*openblas']"),
        ("numpy=1.0=h1+2", "numpy ==1.0[build='h1+2']"),
        ("x264 >=1!164.3095,<1!165", "x264 >=1!164.3095,<1!165"),
        ("openssl=1.1.1_", "openssl 1.1.1_.*"),
        ("jpeg=9B", "jpeg 9b.*"),
        ("conda-forge::numpy>=2", "conda-forge::numpy >=2"),
        ("conda-forge/linux-64::numpy", "conda-forge/linux-64::numpy"),
        ("nvidia/label/cuda-12.1.0::cuda-nvcc", "nvidia/label/cuda-12.1.0::cuda-nvcc"),
        ("https://conda.example.org:443::flask=1.0", "https://conda.example.org:443::flask 1.0.*"),
        ("*/noarch::numpy", "numpy[subdir='noarch']"),
        ("numpy[version='>=1', build=\"py*\"]", "numpy >=1[build='py*']"),
        ("numpy[version=1.10 build=py38_0]", "numpy ==1.10 py38_0"),
        ("numpy 1 [channel=x,subdir=noarch]", "x/noarch::numpy ==1"),
        ("numpy[build_number='>=2']", "numpy[build_number='>=2']"),
        ("numpy[md5=" + "AB" * 16 + "]", "numpy[md5='" + "ab" * 16 + "']"),
        ("numpy[build='^py.*$']", "numpy[build='^py.*$']"),
        ("foo[build=3](target=blarg,optional)", "foo * 3"),
        ("__glibc >=2.17", "__glibc >=2.17"),
    ],
)
def test_every_form_becomes_one_that_the_solver_takes(written: str, text: str) -> None:
    assert read_spec(written).text == text
    assert read_spec(text).text == text
    assert Solver(text, strict=True).name.normalized == read_spec(written).name


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("numpy=", "not a version specifier"),
        ("numpy =>1", "not a version specifier"),
        ("numpy===1", "not a version specifier"),
        ("numpy >=1 <2", "'<2' is not a build | separate the constraints of a version by commas"),
        ("numpy 4.2<6", "'<6' does not belong behind the version ==4.2"),
        ("numpy 1..2", "'1..2' is not a version"),
        ("numpy >=1,*.7.*", "has a `*` before its end"),
        ("numpy ^1.*$", "regular expression"),
        ("numpy ~=1.*", "takes no pattern"),
        ("numpy >=*", "compares with no version"),
        ("numpy ==1.7.* py_0", "for one exact version here"),
        ("numpy >1,==1.7.*", "for one exact version here"),
        ("numpy[version='==1.7.*']", "for one exact version here"),
        ("numpy (>=1", "is not closed"),
        ("numpy " + "(" * 11 + "1" + ")" * 11, "nested more than 10 deep"),
        ("numpy 1 py310|py311", "one pattern of a build is taken"),
        ("numpy 1 a b", "'a b' is not a build"),
        ("numpy[build='^(a$']", "no regular expression"),
        ("numpy[build", "not one pair at the end"),
        ("numpy]", "is not opened"),
        ("numpy[build=1][version=2]", "not one pair at the end"),
        ("numpy[]", "no keys"),
        ("numpy[build=]", "are not keys with values"),
        ("numpy[build='']", "'' is no value of the key 'build'"),
        ("numpy[build=1, build=2]", "'build' is given twice"),
        ("numpy[biuld=1]", "unknown key 'biuld' | did you mean 'build'?"),
        ("numpy[when='python <3']", "'when' cannot be part"),
        ("numpy[url='https://conda.example.org/a.conda']", "'url' cannot be part"),
        ("numpy[md5=abc]", "'abc' is no value of the key 'md5'"),
        ("numpy[version='1 2']", "'1 2' is not a version specifier"),
        ("'numpy'", "not the name of a conda package | remove the inner quotes"),
        ("py*", "a pattern cannot be locked"),
        ("^py$", "a pattern cannot be locked"),
        ("pip:numpy", "go below `pip:`"),
        ("numpy @ https://conda.example.org/n", "is a requirement of PyPI"),
        ("numpy # why", "holds a `#`"),
        ("numpy ={{ version }}", "part of a template"),
        ("https://conda.example.org/c/linux-64/numpy-1-0.conda", "is an archive"),
        ("numpy-1-0.tar.bz2#00", "is an archive"),
        ("num\u0440y", "U+0440 (CYRILLIC SMALL LETTER ER)"),
        ("n\u00fcmpy", "U+00FC"),
        ("num\u200bpy", "U+200B"),
        ("a..b", "not the name"),
        ("a--b", "not the name"),
        ("-a", "not the name"),
        ("", "names no package"),
        ("numpy\nscipy", "control character U+000A"),
        ("a" * (MAX_CHARACTERS + 1), "longer than"),
        ("https://me:secret@conda.example.org/c::numpy", "holds credentials"),
        ("https://conda.example.org/t/secret/c::numpy", "holds credentials"),
        ("https://conda.example.org/t/${SECRET}/c::numpy", "holds credentials"),
        ("numpy[channel=https://me:secret@conda.example.org/c]", "holds credentials"),
        ("a b::numpy", "'a b' is not a channel"),
        ("numpy=https://me:secret@conda.example.org/c", "holds a URL where the name"),
    ],
)
def test_what_would_mean_something_else_is_refused(written: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        read_spec(written)
    shown = f"{raised.value.message} | {raised.value.hint}"
    assert message in shown
    assert "secret" not in shown.lower() or "SECRET" in written


def test_a_declared_specification_names_a_package() -> None:
    found = parse_spec("Numpy=1", "environment.yml:3", platforms=("linux-64",), category="dev")
    assert (found.name, found.text, found.where) == ("numpy", "numpy 1.*", "environment.yml:3")
    assert (found.platforms, found.category) == (("linux-64",), "dev")
    with pytest.raises(InputError, match="names no package"):
        parse_spec("* >=1", "environment.yml:3")


def test_the_solver_reads_our_form_and_the_written_one_alike() -> None:
    compared = 0
    for written in _written(random.Random(7), 1500):
        try:
            spec = read_spec(written)
        except InputError:
            continue
        ours = str(Solver(spec.text, strict=True))
        assert ours == str(Solver(spec.text)), written
        try:
            theirs = str(Solver(written))
        except InvalidMatchSpecError:
            continue  # it knows fewer forms
        if re.search(r">\s*[\w.!]+\*|!=\s*1\.\*\.\*|\* *$|\*\[", written):
            continue  # conda drops the pattern behind `>`, and the solver writes `>=` for it
        assert ours == theirs, written
        compared += 1
    assert compared > 600


def _written(chance: random.Random, count: int) -> list[str]:
    literals = ("1", "1.7", "1.7.*", "1.7*", "1!2.0", "2021a", "1.1.1_", "1.0rc1", "1.0+a", "1_2")
    operators = ("", "=", "==", ">=", "<=", "<", ">", "!=", "~=")
    found = []
    for _ in range(count):
        parts = [
            chance.choice(operators) + chance.choice(("", " ")) + chance.choice(literals)
            for _ in range(chance.choice((1, 1, 2, 3)))
        ]
        version = parts[0] + "".join(chance.choice((",", "|", " , ")) + p for p in parts[1:])
        found.append(
            chance.choice(("", "conda-forge::", "https://conda.example.org/c::"))
            + chance.choice(("numpy", "_openmp_mutex", "R-base", "a.b"))
            + (" " if version[0] in " 12" else chance.choice(("", " ")))
            + version
            + chance.choice(("", "", "=py_0", " py_0", "=*_cpython", "[build_number='>=3']"))
        )
    return found
