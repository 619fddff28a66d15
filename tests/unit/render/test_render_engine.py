"""The whole of rendering: built-in templates, templates of a project, and what goes wrong."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.render.making import NASTY, direct, request_for, selection_of, wheel_of

from mooring.errors import InputError
from mooring.lock.model import Artifact, Lock
from mooring.manifest.model import ImageSpec, Index
from mooring.render.context import dockerfile_context
from mooring.render.engine import render, template_name
from mooring.render.locate import builtin_names, template_root
from mooring.render.quoting import FILTERS

FULL = ImageSpec(
    files=("src", "my dir/it's"),
    env=tuple((f"E{i}", value) for i, value in enumerate(NASTY.values())),
    labels=(("com.example.note", 'say "hi"'),),
    entrypoint=("python", "-m", "demo"),
    cmd=("--port", "8000"),
    ports=(8000,),
    healthcheck=("python", "-c", "import demo"),
)


def dockerfile(text: str, root: Path, image: ImageSpec | None = None) -> str:
    """Render a template of the project, written as `own.j2`."""
    (root / "own.j2").write_text(text, encoding="utf-8")
    return render(request_for(image), template="own.j2", root=root).files["Dockerfile"]


def test_files_and_their_order(tmp_path: Path) -> None:
    rendered = render(request_for(), root=tmp_path)
    assert rendered.template == "slim"
    assert list(rendered.files) == [
        "Dockerfile",
        ".dockerignore",
        "environment.yml",
        "mooring.requirements.txt",
    ]
    assert all(text.endswith("\n") for text in rendered.files.values())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", builtin_names())
def test_same_request_same_bytes(name: str, tmp_path: Path) -> None:
    first = render(request_for(FULL), template=name, root=tmp_path)
    assert render(request_for(FULL), template=name, root=Path("/nowhere")) == first


@pytest.mark.parametrize("name", builtin_names())
def test_what_every_dockerfile_promises(name: str, tmp_path: Path) -> None:
    text = render(request_for(FULL), template=name, root=tmp_path).files["Dockerfile"]
    lines = text.splitlines()
    assert "syntax=" not in text
    assert "<<" not in text.replace('"<<EOF"', "")
    assert "--link " not in text
    assert lines[-5:] == [
        "USER 65532:65532",
        "EXPOSE 8000",
        'HEALTHCHECK --interval=30s --timeout=5s --retries=3 CMD ["python", "-c", "import demo"]',
        'ENTRYPOINT ["python", "-m", "demo"]',
        'CMD ["--port", "8000"]',
    ]
    assert 'COPY --chmod=0755 ["src", "./src"]' in lines
    assert 'LABEL dev.mooring.environment-root="/opt/env"' in lines
    for option in ("--require-hashes", "--no-deps", "--only-binary :all:"):
        assert option in text
    assert "--mount=type=secret,id=ca " in text
    assert "is for Python 3.11" in text


@pytest.mark.parametrize("name", builtin_names())
def test_the_least_image(name: str, tmp_path: Path) -> None:
    request = request_for(ImageSpec(user="0"), selection_of())
    text = render(request, template=name, root=tmp_path).files["Dockerfile"]
    assert text.endswith("WORKDIR /app\nUSER 0\n")
    assert "/etc/passwd" not in text
    assert "HEALTHCHECK" not in text


def test_indexes_reach_both_installers_without_their_credentials(tmp_path: Path) -> None:
    request = request_for(
        indexes=(
            Index(name="corp", url="https://me:pw@pkgs.example.com/simple?a=b&c"),
            Index(name="main", url="https://main.example.com/simple", default=True),
        )
    )
    slim = render(request, template="slim", root=tmp_path).files["Dockerfile"]
    assert "      --default-index https://main.example.com/simple \\\n" in slim
    assert "      --index 'https://pkgs.example.com/simple?a=b&c' \\\n" in slim
    simple = render(request, template="simple", root=tmp_path).files["Dockerfile"]
    assert "      --index-url https://main.example.com/simple \\\n" in simple
    assert "      --extra-index-url 'https://pkgs.example.com/simple?a=b&c' \\\n" in simple
    assert "me:pw" not in slim + simple


def test_only_what_is_named_enters_the_build(tmp_path: Path) -> None:
    local = Artifact(
        kind="wheel", name="a.whl", path="wheels/a.whl", hashes=(("sha256", "3" * 64),)
    )
    request = request_for(ImageSpec(files=("src/", "it's")), selection_of(direct("a", local)))
    files = render(request, root=tmp_path).files
    patterns = files[".dockerignore"].splitlines()[1:]
    assert patterns[:5] == [
        "*",
        "!mooring.requirements.txt",
        "!wheels/a.whl",
        "!src",
        "!it's",
    ]
    assert "--mount=type=bind,source=wheels/a.whl,target=/build/wheels/a.whl" in files["Dockerfile"]


def test_the_whole_project_can_enter_the_build(tmp_path: Path) -> None:
    files = render(request_for(ImageSpec(files=(".",))), root=tmp_path).files
    assert "*" not in files[".dockerignore"].splitlines()
    assert 'COPY --chmod=0755 [".", "./"]' in files["Dockerfile"]


def test_environment_yml(tmp_path: Path) -> None:
    request = request_for(project="de mo: x")
    text = render(request, root=tmp_path).files["environment.yml"]
    assert text.splitlines()[1:] == [
        'name: "de mo: x"',
        "channels:",
        '  - "conda-forge"',
        "dependencies:",
        '  - "python=3.11"',
        '  - "pip"',
        "  - pip:",
        f'      - "flask==1.0 --hash=sha256:{"1" * 64}"',
    ]
    named = replace(request_for(), environment="dev")
    assert 'name: "demo-dev"' in render(named, root=tmp_path).files["environment.yml"]


def test_requirements_of_one_platform_or_of_the_lock(tmp_path: Path) -> None:
    request = request_for()
    one = render(request, root=tmp_path).files["mooring.requirements.txt"]
    assert one.splitlines()[1] == "flask==1.0 \\"
    package = replace(wheel_of("flask").package, marker="sys_platform == 'win32'")
    lock = Lock(created_by="test", packages=(package,))
    every = render(replace(request, lock=lock), root=tmp_path).files["mooring.requirements.txt"]
    assert "flask==1.0 ; sys_platform == 'win32'" in every.replace('"', "'")


def test_without_a_base_there_is_no_dockerfile(tmp_path: Path) -> None:
    request = request_for(base=None)
    assert list(render(request, root=tmp_path).files) == [
        "environment.yml",
        "mooring.requirements.txt",
    ]
    with pytest.raises(InputError, match="needs a base image") as caught:
        render(request, template="slim", root=tmp_path)
    assert caught.value.where == "image.base"


@pytest.mark.parametrize("parent", ["slim", "slim.Dockerfile.j2", "simple"])
def test_a_project_template_extends_a_built_in_one(parent: str, tmp_path: Path) -> None:
    text = dockerfile(
        f'{{% extends "{parent}" %}}\n'
        "{% block runtime_setup %}\n"
        "RUN apt-get --version {{ name | sh }}\n"
        "{% endblock %}\n"
        "{% block labels %}{{ super() }}LABEL com.example.team={{ name }}\n{% endblock %}\n",
        tmp_path,
        FULL,
    )
    assert "RUN apt-get --version demo\n" in text
    assert 'LABEL com.example.note="say \\"hi\\""\nLABEL com.example.team=demo\n' in text
    built_in = render(request_for(FULL), template=parent, root=tmp_path).files["Dockerfile"]
    added = [line for line in text.splitlines() if line not in built_in.splitlines()]
    assert added == ["RUN apt-get --version demo", "LABEL com.example.team=demo"]


def test_a_project_template_includes_its_own_parts(tmp_path: Path) -> None:
    (tmp_path / "part.j2").write_text("# part of {{ name }}\n")
    text = dockerfile(
        "{% macro twice(x) %}{{ x | sh }}-{{ x | sh }}{% endmacro %}FROM x\n"
        '{% include "part.j2" %}\n'
        "# {{ twice(name) }} {% set y %}a b{% endset %}{{ y }}\n",
        tmp_path,
    )
    assert text == "FROM x\n# part of demo\n# demo-demo a b\n"


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        ("FROM x\n{{ nmae }}\n", "'nmae' is undefined", "own.j2:2"),
        ("FROM x\n\n{% if %}\n", "does not parse", "own.j2:3"),
        ("{% block a %}\n", "does not parse", "own.j2:1"),
        ('# x\n{% extends "slimm" %}\n', "no template 'slimm'", "own.j2:2"),
        ('# x\n{% include "no.j2" %}\n', "no template 'no.j2'", "own.j2:2"),
        ('{% include "../x.j2" %}\n', "outside the project", None),
        ("FROM x\n{{ env.missing }}\n", "has no attribute 'missing'", "own.j2:2"),
        ("FROM x\n{{ env | nofilter }}\n", "No filter named 'nofilter'", "own.j2:2"),
        ("FROM x\n{{ 1 // 0 }}\n", "the template fails", "own.j2:2"),
        ("FROM x\n{{ epoch + name }}\n", "the template fails", "own.j2:2"),
        ("FROM x\n{{ ''.__class__.__mro__ }}\n", "unsafe", "own.j2:2"),
        ("FROM x\n{{ range(10 ** 7) | list }}\n", "the template fails", "own.j2:2"),
        ('{% extends "own.j2" %}\n', "recursion", "own.j2:1"),
        ('FROM x\n{{ "a b" }}\n', "without quoting it", "own.j2:2"),
        ("FROM x\n{{ env }}\n", "without quoting it", "own.j2:2"),
        ("FROM x\n{{ none }}\n", "without quoting it", "own.j2:2"),
        ('FROM x\n{{ "x\ty" | user }}\n', "not a user", "image.user"),
        ('FROM x\n{{ "x\\x01y" | sh }}\n', "control character", "a shell word of the template"),
    ],
)
def test_a_wrong_template_says_where(
    text: str, message: str, where: str | None, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        dockerfile(text, tmp_path)
    assert message in caught.value.message
    if where is not None:
        assert caught.value.where == where


def test_an_error_inside_a_built_in_block_names_both_places(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'nmae' is undefined") as caught:
        dockerfile('{% extends "slim" %}\n{% block user %}\n{{ nmae }}\n{% endblock %}\n', tmp_path)
    assert caught.value.where == "own.j2:3"
    assert "workdir" in (caught.value.hint or "")


@pytest.mark.parametrize("template", ["slimm", "docker/none.j2"])
def test_a_missing_template_names_the_known_ones(template: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no template") as caught:
        render(request_for(ImageSpec(template=template)), root=tmp_path)
    assert "simple, slim" in (caught.value.hint or "")


def test_a_template_that_writes_without_end_is_stopped(tmp_path: Path) -> None:
    loop = "{% for i in range(99999) %}"
    with pytest.raises(InputError, match="writes more than 4 MiB"):
        dockerfile(f"{loop}{'x' * 100}{{% endfor %}}", tmp_path)


def test_an_unquoted_value_of_the_manifest_never_gets_through(tmp_path: Path) -> None:
    image = ImageSpec(env=(("A", "1 B=2"),))
    with pytest.raises(InputError, match="without quoting it") as caught:
        dockerfile(
            "FROM x\n{% for n, v in env %}\nENV {{ n }}={{ v }}\n{% endfor %}\n", tmp_path, image
        )
    assert caught.value.where == "own.j2:3"


def test_template_name(tmp_path: Path) -> None:
    assert template_name("slim", tmp_path) == "slim"
    assert template_name("./own.j2", tmp_path) == "./own.j2"
    assert template_name(tmp_path / "docker" / "own.j2", tmp_path) == "docker/own.j2"
    assert template_name(Path("docker/own.j2"), tmp_path) == "docker/own.j2"


def test_an_absolute_path_inside_the_project(tmp_path: Path) -> None:
    (tmp_path / "own.j2").write_text("FROM x\n")
    rendered = render(request_for(), template=tmp_path / "own.j2", root=tmp_path)
    assert rendered.files["Dockerfile"] == "FROM x\n"
    assert rendered.template == "own.j2"


def _first_cells(heading: str) -> str:
    """Return the first column of the table under a heading of the reference."""
    page = Path(__file__).parents[3] / "docs" / "reference" / "templates.md"
    section = page.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return " ".join(re.split(r"(?<!\\)\|", row)[1] for row in rows)


def test_the_reference_names_every_variable() -> None:
    base = request_for().base
    assert base is not None
    known = dockerfile_context(request_for(), base)
    assert set(re.findall(r"`(\w+)`", _first_cells("Variables"))) == set(known)


def test_the_reference_names_every_block() -> None:
    text = "".join(path.read_text() for path in template_root().glob("*.j2"))
    blocks = set(re.findall(r"{% block (\w+) %}", text))
    assert set(re.findall(r"`(\w+)`", _first_cells("A template of your own"))) == blocks


def test_the_reference_names_every_filter() -> None:
    assert set(re.findall(r"\| (\w+)", _first_cells("Quoting"))) == set(FILTERS)
