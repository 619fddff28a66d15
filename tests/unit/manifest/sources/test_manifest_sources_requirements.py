"""Requirements files: includes, budgets, and lines that cannot be part of a declared input."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.manifest.folders import complaints, complaints_about, folder, loaded

from mooring.manifest.model import Manifest
from mooring.manifest.sources.requirements import MAX_DEPTH, MAX_FILES


def texts(manifest: Manifest) -> list[str]:
    return [requirement.text for requirement in manifest.dependencies]


def test_lines_become_requirements_with_their_place(tmp_path: Path) -> None:
    manifest = loaded(
        tmp_path,
        {
            "requirements.in": "\ufeff# heading\n\nFlask[Async] >= 3  # web\r\n"
            "pandas \\\n   >= 2 \\\n   ; python_version >= '3.9'\nrich\\\n\n"
        },
    )
    assert [(r.text, r.where) for r in manifest.dependencies] == [
        ("flask[async]>=3", "requirements.in:3"),
        ('pandas>=2; python_version >= "3.9"', "requirements.in:4"),
        ("rich", "requirements.in:7"),
    ]


def test_hashes_belong_to_locks_and_are_dropped(tmp_path: Path) -> None:
    manifest = loaded(
        tmp_path,
        {
            "requirements.txt": "--require-hashes\n"
            "a==1 ; os_name == 'nt' \\\n    --hash=sha256:00 \\\n    --hash sha256:11\n"
            "    # via\n    #   b\nb==2 --hash=sha256:22  # comment\n"
        },
    )
    assert texts(manifest) == ['a==1; os_name == "nt"', "b==2"]


def test_direct_references_get_a_name(tmp_path: Path) -> None:
    manifest = loaded(
        tmp_path,
        {
            "requirements.in": "git+https://h.example/a.git@v1#egg=A_b[x]&subdirectory=s\n"
            "https://h.example/c-1.0-py3-none-any.whl#sha256=00; os_name == 'nt'\n"
            "d @ https://h.example/d.zip ; os_name == 'nt'\n"
        },
    )
    assert texts(manifest) == [
        "a-b[x] @ git+https://h.example/a.git@v1#subdirectory=s",
        'c @ https://h.example/c-1.0-py3-none-any.whl#sha256=00 ; os_name == "nt"',
        'd @ https://h.example/d.zip ; os_name == "nt"',
    ]


def test_includes_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    manifest = loaded(
        tmp_path,
        {
            "requirements.in": "-r req/base.in\n-c req/limits.txt\ntop\n",
            "req/base.in": "--requirement=../shared.in\nbase\n--constraint more.txt\n",
            "shared.in": "shared\n",
            "req/limits.txt": "numpy<3\n-r others.txt\n",
            "req/others.txt": "six==1.16\n",
            "req/more.txt": "attrs<25\n",
        },
    )
    assert texts(manifest) == ["shared", "base", "top"]
    assert [(r.text, r.where) for r in manifest.constraints] == [
        ("attrs<25", "req/more.txt:1"),
        ("numpy<3", "req/limits.txt:1"),
        ("six==1.16", "req/others.txt:1"),
    ]
    assert [path.relative_to(tmp_path.resolve()).as_posix() for path in manifest.inputs] == [
        "requirements.in",
        "req/base.in",
        "shared.in",
        "req/more.txt",
        "req/limits.txt",
        "req/others.txt",
    ]


def test_a_file_that_is_included_twice_is_read_once(tmp_path: Path) -> None:
    manifest = loaded(
        tmp_path,
        {
            "requirements.in": "-r a.in\n-r b.in\n-c base.in\n",
            "a.in": "-rbase.in\na\n",
            "b.in": "-r ./base.in\nb\n",
            "base.in": "base\n",
        },
    )
    assert texts(manifest) == ["base", "a", "b"]
    assert [r.text for r in manifest.constraints] == ["base"]


def test_a_quoted_file_name_may_hold_spaces(tmp_path: Path) -> None:
    manifest = loaded(tmp_path, {"requirements.in": '-r "my file.in"\n', "my file.in": "a\n"})
    assert texts(manifest) == ["a"]


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"requirements.in": "-r requirements.in\n"}, "requirements.in -> requirements.in"),
        (
            {"requirements.in": "-r a.in\n", "a.in": "-c b.in\n", "b.in": "a\n-r a.in\n"},
            "b.in:2: the files include each other: a.in -> b.in -> a.in",
        ),
        ({"requirements.in": "a\n-r gone.in\n"}, "requirements.in:2: the file 'gone.in' does not"),
        ({"requirements.in": "-r ../x.in\n"}, "'../x.in' lies outside the project folder"),
        ({"requirements.in": "-r link.in\n"}, "'link.in' lies outside the project folder"),
        ({"requirements.in": "-r /etc/passwd\n"}, "is not a relative path with `/`"),
        ({"requirements.in": "-r C:/x.in\n"}, "is not a relative path with `/`"),
        ({"requirements.in": "-r 'a\\b.in'\n"}, "is not a relative path with `/`"),
        ({"requirements.in": "-r sub\n", "sub/x": ""}, "'sub' is not a regular file"),
        ({"requirements.in": "-r https://h.example/x.txt\n"}, "is not a file of the project"),
        ({"requirements.in": "-c file:x.txt\n"}, "is not a file of the project"),
        ({"requirements.in": "-r\n"}, "the option -r needs a value"),
        ({"requirements.in": "--constraint=\n"}, "the option --constraint needs a value"),
        ({"requirements.in": "-r 'a\n"}, "do not match"),
        ({"requirements.in": "-r pyproject.toml\n"}, "'pyproject.toml' is not a requirements file"),
        ({"requirements.in": f"-r {'x' * 5000}.in\n"}, "is not a usable path"),
    ],
)
def test_includes_that_are_refused(tmp_path: Path, files: dict[str, str], wanted: str) -> None:
    folder(tmp_path, {"x.in": "secret==1\n"})
    root = folder(tmp_path / "project", files)
    (root / "link.in").symlink_to(tmp_path / "x.in")
    (found,) = complaints_about(root)
    assert wanted in found
    assert "secret" not in found


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("-e .", "the option -e cannot be part of a declared input | an editable install"),
        ("-e.", "the option -e cannot"),
        ("--editable=git+https://h.example/x#egg=x", "the option --editable cannot"),
        ("-f https://h.example/links", "the option -f cannot"),
        ("--find-links links", "serve the files as an index"),
        ("--no-index", "the option --no-index cannot"),
        ("--no-binary :all:", "the option --no-binary cannot"),
        ("--only-binary=:all:", "`mooring lock --only-wheels`"),
        ("--prefer-binary", "`mooring lock --only-wheels`"),
        ("--pre", "ask for the pre-release where it is wanted"),
        ("--trusted-host h.example", "the option --trusted-host cannot"),
        ("--use-feature=x", "the option --use-feature cannot"),
        (
            "--index-ulr https://h.example",
            "unknown option '--index-ulr' | did you mean '--index-url'?",
        ),
        ("-z", "unknown option '-z'"),
        ("--hash=sha256:00", "the option --hash does not belong on this line"),
        ("a --no-deps", "the option --no-deps cannot"),
        ("a --config-settings=x=y", "the option --config-settings cannot"),
        ("a -r b.in", "the option -r does not belong on this line"),
        ("a --hash", "the option --hash needs a value"),
        ("--index-url ${INDEX}", "holds an environment variable"),
        ("-i https://${U}:${P}@h.example/simple", "set UV_INDEX_H_EXAMPLE_USERNAME and"),
        ("-i file:///srv/simple", "the URL of an index begins with https:// or http://"),
        ("-i", "the option -i needs a value"),
        ("a==${VERSION}", "environment variable ${VERSION}"),
        (".", "'.' is a file or folder"),
        ("./sub[x]", "is a file or folder"),
        ("sub/a-1.0-py3-none-any.whl", "is a file or folder"),
        ("file:sub#egg=a", "is a file or folder"),
        ("https://h.example/main.zip", "does not tell which package it is"),
        ("git+https://u:hunter2@h.example/x#egg=x", "the URL of x holds credentials"),
        ("git+https://h.example/x", "does not tell which package it is"),
        ("flask=1", "'flask=1' is not a requirement"),
        ("import os", "'import os' is not a requirement"),
        ("<html>", "'<html>' is not a requirement"),
    ],
)
def test_lines_that_are_refused(tmp_path: Path, line: str, wanted: str) -> None:
    (found,) = complaints(tmp_path, {"requirements.in": f"ok\n{line}\nlast\n"})
    assert wanted in found
    assert found.startswith("requirements.in:2: ")
    assert "hunter2" not in found


@pytest.mark.parametrize(
    "character",
    [
        "\x00",
        "\x0b",
        "\x0c",
        "\x1b",
        "\x1c",
        "\x1d",
        "\x1e",
        "\x7f",
        "\x85",
        "\u2028",
        "\u2029",
        "\r",
    ],
)
@pytest.mark.parametrize("line", ["a{}b", "# a{}b", "a  # x{}evil"])
def test_control_characters_and_other_line_separators_are_refused(
    tmp_path: Path, character: str, line: str
) -> None:
    text = f"ok\n{line.format(character)}\n"
    (found,) = complaints(tmp_path, {"requirements.in": text})
    assert found.startswith(
        f"requirements.in:2: the file holds the control character U+{ord(character):04X}"
    )


def test_a_comment_that_would_swallow_the_next_line_is_refused(tmp_path: Path) -> None:
    (found,) = complaints(tmp_path, {"requirements.in": "a\nb # see x \\\nc\n"})
    assert found.startswith("requirements.in:2: the comment ends in a backslash")
    manifest = loaded(tmp_path, {"requirements.in": "a\n# c:\\path\\\nc\n"})
    assert texts(manifest) == ["a", "c"]


def test_merge_conflict_markers_are_named(tmp_path: Path) -> None:
    text = "a\n<<<<<<< ours\nb\n=======\nc\n>>>>>>> theirs\n"
    (found,) = complaints(tmp_path, {"requirements.in": text})
    assert found.startswith("requirements.in:2: the file holds merge-conflict markers")


def test_a_deep_chain_is_refused(tmp_path: Path) -> None:
    files = {f"{n}.in": f"-r {n + 1}.in\n" for n in range(MAX_DEPTH + 5)}
    (found,) = complaints(tmp_path, {**files, "requirements.in": "-r 0.in\n"})
    assert f"more than {MAX_DEPTH} files deep" in found


def test_a_wide_tree_is_refused(tmp_path: Path) -> None:
    files = {f"{n}.in": "a\n" for n in range(MAX_FILES + 1)}
    text = "".join(f"-r {name}\n" for name in files)
    found = complaints(tmp_path, {**files, "requirements.in": text})
    assert all("files in all" in line for line in found)


def test_a_problem_in_a_file_that_is_included_twice_counts_once(tmp_path: Path) -> None:
    found = complaints(
        tmp_path,
        {"requirements.in": "-r a.in\n-r b.in\n-r a.in\n", "a.in": "a=1\n", "b.in": "-r a.in\n"},
    )
    assert len(found) == 1


def test_long_lines_are_no_work(tmp_path: Path) -> None:
    hashes = " ".join(f"--hash=sha256:{n:064x}" for n in range(2000))
    blanks = " " * 200_000
    manifest = loaded(tmp_path, {"requirements.in": f"a==1{blanks}#\nb==1 {hashes}\n"})
    assert texts(manifest) == ["a==1", "b==1"]
    (found,) = complaints(tmp_path, {"requirements.in": f"https://h.example/x{blanks}y\n"})
    assert len(found) < 500


def test_an_empty_file_declares_nothing(tmp_path: Path) -> None:
    assert texts(loaded(tmp_path, {"requirements.in": "\n# nothing\n"})) == []
