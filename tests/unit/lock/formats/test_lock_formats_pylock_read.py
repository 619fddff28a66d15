from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest
from tests.unit.lock import locks

from mooring.errors import InputError, InputProblems
from mooring.lock.formats import pylock
from mooring.lock.model import Dependency

SHA = locks.sha("a")
NAME = "a-1.0-py3-none-any.whl"
WHEEL = f'{{ url = "https://files.example.org/{NAME}", hashes = {{ sha256 = "{SHA}" }} }}'


def text(*, wheel: str = WHEEL, package: str = "", top: str = "", tail: str = "") -> str:
    """Return a lock of one package, with lines put in at each level."""
    return (
        f'lock-version = "1.0"\ncreated-by = "mooring"\n{top}\n'
        f'[[packages]]\nname = "a"\nversion = "1.0"\n{package}\nwheels = [{wheel}]\n{tail}\n'
    )


def wheel(**fields: str) -> str:
    """Return an inline wheel table with fields replaced; an empty text drops the field."""
    values = {
        "url": f'"https://files.example.org/{NAME}"',
        "hashes": f'{{ sha256 = "{SHA}" }}',
    } | fields
    return "{ " + ", ".join(f"{k.replace('_', '-')} = {v}" for k, v in values.items() if v) + " }"


def refused(content: str) -> InputError:
    with pytest.raises(InputError) as caught:
        pylock.read(content, "pylock.toml")
    assert len(str(caught.value)) < 600
    assert "\n" not in str(caught.value) or isinstance(caught.value, InputProblems)
    return caught.value


def direct(table: str) -> str:
    return f'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "a"\n{table}\n'


def test_a_minimal_lock_of_another_tool() -> None:
    lock = pylock.read(text(), "pylock.toml")

    assert lock.provenance is None
    assert lock.packages[0].wheels[0].name == NAME
    assert lock.packages[0].wheels[0].sha256 == SHA


def test_what_other_tools_add_is_left_alone() -> None:
    lock = pylock.read(
        text(
            top='unknown = "x"\n',
            tail='[packages.tool.pdm]\ndependencies = ["b\\nc"]\n[tool.pdm]\nrun = "a\\nb"\n',
        ),
        "x",
    )

    assert lock.provenance is None


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("<<<<<<< HEAD\n" + text(), "pylock.toml:1"),
        (text() + "<<<<<<< HEAD\n=======\n>>>>>>> other\n", "pylock.toml:10"),
        (text()[:-20], "pylock.toml:8"),
        (text()[:40], "pylock.toml:2"),
        ('x = "\x00"', "pylock.toml:1"),
        (f"x = {'[' * 5000}", "pylock.toml"),
    ],
)
def test_what_is_no_toml_is_refused_by_line(content: str, place: str) -> None:
    error = refused(content)

    assert error.where == place
    assert error.hint is not None


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [
        (text().replace('"1.0"', '"2.0"', 1), "lock-version", "version 2.0"),
        (text().replace('"1.0"', '"one"', 1), "lock-version", "one"),
        ("", "lock-version", "Missing"),
        ('lock-version = "1.0"\npackages = []', "created-by", "Missing"),
        ('lock-version = "1.0"\ncreated-by = "x"', "packages", "Missing"),
        (text(wheel=wheel(hashes="")), "packages[0].wheels[0].hashes", "package a"),
        (text(wheel=wheel(hashes="{}")), "packages[0].wheels[0].hashes", "hash"),
        (text(wheel=wheel(url="")), "packages[0].wheels[0]", "path or url"),
        (text(wheel=wheel(size="true")), "packages[0].wheels[0].size", "bool"),
        (text(wheel=wheel(name='"b-1.0-py3-none-any.whl"')), "packages[0].wheels[0]", "Name"),
        (text(wheel=wheel(name='"a-2.0-py3-none-any.whl"')), "packages[0].wheels[0]", "Version"),
        (text(package="marker = 'python = 3'"), "packages[0].marker", "package a"),
        (text(package="marker = '" + "(" * 9000 + "'"), "packages[0].marker", ""),
        (text(top="requires-python = 'three'"), "requires-python", "three"),
        (text(top="environments = ['nonsense']"), "environments[0]", ""),
        (text(top="extras = ['A B']"), "extras[0]", "A B"),
        (direct('version = "1.0"'), "packages[0]", "Exactly one"),
    ],
)
def test_what_packaging_refuses_is_refused_by_key_path(
    content: str, place: str, message: str
) -> None:
    error = refused(content)

    assert error.where == f"pylock.toml: {place}"
    assert message in error.message
    assert error.hint is not None


@pytest.mark.parametrize(
    ("fields", "place", "message"),
    [
        ({"hashes": f'{{ sha256 = "{SHA[:-1]}" }}'}, "hashes.sha256", "64 hexadecimal"),
        ({"hashes": f'{{ sha256 = "{SHA[:-1]}g" }}'}, "hashes.sha256", "not hexadecimal"),
        ({"hashes": f'{{ sha512 = "{SHA}" }}'}, "hashes.sha512", "128 hexadecimal"),
        ({"hashes": f'{{ "sha 1" = "{SHA}" }}'}, "hashes.sha 1", "does not name"),
        (
            {"hashes": f'{{ SHA256 = "{SHA}", sha256 = "{locks.sha("other")}" }}'},
            "hashes.sha256",
            "given twice",
        ),
        ({"url": f'"file:///srv/{NAME}"'}, "url", "one machine"),
        ({"url": f'"FILE:///srv/{NAME}"'}, "url", "one machine"),
        ({"url": f'"ftp://example.org/{NAME}"'}, "url", "cannot|can be fetched"),
        ({"url": f'"https:///{NAME}"'}, "url", "URL"),
        ({"url": f'"https://example.org/a b/{NAME}"'}, "url", "URL"),
        ({"url": f'"https://example.org/${{HOME}}/{NAME}"'}, "url", "URL"),
        ({"url": f'"https://example.org/\\n--index-url/{NAME}"'}, "url", r"U\+000A"),
        ({"url": f'"https://exa\\u202Emple.org/{NAME}"'}, "url", r"U\+202E"),
        ({"url": "", "path": f'"/srv/{NAME}"'}, "path", "not relative"),
        ({"url": "", "path": f'"~/{NAME}"'}, "path", "not relative"),
        ({"url": "", "path": f'"C:/{NAME}"'}, "path", "not relative"),
        ({"url": "", "path": f'"wheels/../../{NAME}"'}, "path", "leaves"),
        ({"url": "", "path": f'"wheels\\\\{NAME}"'}, "path", "backslash"),
        ({"url": "", "path": f'"wheels/\\u0000/{NAME}"'}, "path", r"U\+0000"),
        ({"name": '"a-1.0-py3-none-any/x.whl"'}, "name", "plain file name"),
        ({"size": "-1"}, "size", "-1"),
        ({"upload_time": "0001-01-01T00:00:00+23:00"}, "upload-time", "out of range"),
    ],
)
def test_an_unsafe_wheel_is_refused(fields: dict[str, str], place: str, message: str) -> None:
    error = refused(text(wheel=wheel(**fields)))

    assert error.where == f"pylock.toml: packages[0].wheels[0].{place}"
    assert re.search(message, error.message)
    assert "(package a)" in error.message


@pytest.mark.parametrize(
    ("table", "place"),
    [
        ('directory = { path = "/srv/lib" }', "directory.path"),
        ('directory = { path = "../lib" }', "directory.path"),
        ('directory = { path = "lib", subdirectory = "../x" }', "directory.subdirectory"),
        ('vcs = { type = "git", url = "https://e.org/x", commit-id = "main" }', "vcs.commit-id"),
        (
            f'vcs = {{ type = "git", url = "https://e.org/x", commit-id = "{"a" * 39}" }}',
            "vcs.commit-id",
        ),
        ('vcs = { type = "hg", url = "https://e.org/x", commit-id = "-r1" }', "vcs.commit-id"),
        (f'vcs = {{ type = "cp", url = "https://e.org/x", commit-id = "{"a" * 40}" }}', "vcs.type"),
        (f'vcs = {{ type = "git", url = "file:///srv/x", commit-id = "{"a" * 40}" }}', "vcs.url"),
        (f'vcs = {{ type = "git", url = "ext::sh -c x", commit-id = "{"a" * 40}" }}', "vcs.url"),
        # The commit would be written behind the fragment, and the branch be installed.
        (
            f'vcs = {{ type = "git", url = "https://e.org/x@main#a", commit-id = "{"a" * 40}" }}',
            "vcs.url",
        ),
        (f'vcs = {{ type = "git", url = "ssh://-oX=y/x", commit-id = "{"a" * 40}" }}', "vcs.url"),
        (f'vcs = {{ type = "git", url = "ssh://a@-oX/x", commit-id = "{"a" * 40}" }}', "vcs.url"),
        (
            f'archive = {{ url = "https://e.org/x y.zip", hashes = {{ sha256 = "{SHA}" }} }}',
            "archive.url",
        ),
        ('archive = { path = "x.zip", hashes = { sha256 = "abc" } }', "archive.hashes.sha256"),
        (f'sdist = {{ path = "../a-1.0.tar.gz", hashes = {{ sha256 = "{SHA}" }} }}', "sdist.path"),
    ],
)
def test_an_unsafe_source_is_refused(table: str, place: str) -> None:
    assert refused(direct(table)).where == f"pylock.toml: packages[0].{place}"


@pytest.mark.parametrize(
    ("package", "place"),
    [
        ('index = "file:///srv/simple"', "index"),
        ("marker = \"platform_version == 'a\\u2028b'\"", "marker"),
        ('dependencies = [{ name = "B_b" }]', "dependencies[0].name"),
        ('dependencies = [{ name = "b" }, { name = "c", version = 1 }]', "dependencies[1].version"),
        ('tool.mooring = "x"', "tool.mooring"),
        ('tool.mooring.record-ids = { "../x.whl" = "sha256:1" }', "tool.mooring.record-ids"),
        ('tool.mooring.record-ids = { "x.whl" = 1 }', "tool.mooring.record-ids"),
    ],
)
def test_an_unsafe_package_is_refused(package: str, place: str) -> None:
    assert refused(text(package=package)).where == f"pylock.toml: packages[0].{place}"


def test_a_version_with_spaces_is_refused() -> None:
    error = refused(text().replace('\nversion = "1.0"', '\nversion = " 1.0"'))

    assert error.where == "pylock.toml: packages[0].version"


@pytest.mark.parametrize(
    ("top", "place"),
    [
        ("dependency-groups = ['dev', 'a b']", "dependency-groups[1]"),
        ("default-groups = ['']", "default-groups[0]"),
    ],
)
def test_an_unsafe_name_at_the_top_is_refused(top: str, place: str) -> None:
    assert refused(text(top=top)).where == f"pylock.toml: {place}"


def test_all_unsafe_values_are_named_together() -> None:
    bad = wheel(url=f'"file:///{NAME}"')
    worse = wheel(hashes='{ sha256 = "00" }').replace("py3", "py2.py3")

    error = refused(text(wheel=f"{bad}, {worse}", package='index = "ssh://x"'))

    assert isinstance(error, InputProblems)
    assert [problem.where.removeprefix("pylock.toml: ") for problem in error.problems] == [
        "packages[0].wheels[0].url",
        "packages[0].wheels[1].hashes.sha256",
        "packages[0].index",
    ]


def test_a_wheel_with_millions_of_tags_is_refused_before_they_are_counted() -> None:
    many = ".".join(["py3"] * 90)
    name = f"a-1.0-{many}-{many}-{many}.whl"

    for fields in ({"name": f'"{name}"'}, {"url": f'"https://e.org/{name}"'}):
        error = refused(text(wheel=wheel(**fields)))
        assert error.where == "pylock.toml: packages[0].wheels[0]"
        assert "longer than 255" in error.message


def test_one_file_with_two_hashes_is_refused() -> None:
    other = wheel(hashes=f'{{ sha256 = "{locks.sha("other")}" }}')

    assert "listed twice" in refused(text(wheel=f"{WHEEL}, {other}")).message


def test_one_file_twice_is_one_file() -> None:
    assert len(pylock.read(text(wheel=f"{WHEEL}, {WHEEL}"), "x").packages[0].wheels) == 1


def test_credentials_are_dropped_and_never_shown() -> None:
    url = f'"https://user:secret@files.example.org/{NAME}"'

    lock = pylock.read(text(wheel=wheel(url=url)), "x")
    error = refused(text(wheel=wheel(url=url.replace("https", "ftp"))))

    assert lock.packages[0].wheels[0].url == f"https://files.example.org/{NAME}"
    assert "secret" not in str(error)


def test_an_ssh_repository_keeps_its_user() -> None:
    table = (
        'vcs = { type = "git", url = "ssh://git@example.org/x.git", '
        f'commit-id = "{"a" * 40}", requested-revision = "main" }}'
    )

    artifact = pylock.read(direct(table), "x").packages[0].direct

    assert artifact is not None
    assert artifact.url == "ssh://git@example.org/x.git"
    assert artifact.requested_revision == "main"


def test_hashes_are_sorted_and_lower_case() -> None:
    hashes = f'{{ SHA256 = "{SHA.upper()}", md5 = "{SHA[:32]}" }}'

    artifact = pylock.read(text(wheel=wheel(hashes=hashes)), "x").packages[0].wheels[0]

    assert artifact.hashes == (("md5", SHA[:32]), ("sha256", SHA))


def test_a_file_name_is_decoded() -> None:
    url = '"https://files.example.org/a-1.0%2Bcpu-py3-none-any.whl?x=1#y"'
    content = text(wheel=wheel(url=url)).replace('version = "1.0"\n\n', 'version = "1.0+cpu"\n\n')

    assert pylock.read(content, "x").packages[0].wheels[0].name == "a-1.0+cpu-py3-none-any.whl"


def test_a_missing_version_is_read_off_the_file_names() -> None:
    content = text().replace('version = "1.0"\n\nwheels', "wheels")
    sdist = direct(f'sdist = {{ path = "a-2.0.zip", hashes = {{ sha256 = "{SHA}" }} }}')

    assert pylock.read(content, "x").packages[0].version == "1.0"
    assert pylock.read(sdist, "x").packages[0].version == "2.0"


def test_dependencies_without_a_name_are_left_out() -> None:
    package = 'dependencies = [{ name = "c" }, { index = "x" }, { name = "b", version = "1" }]'

    assert pylock.read(text(package=package), "x").packages[0].dependencies == (
        Dependency(name="b", version="1"),
        Dependency(name="c"),
    )


@pytest.mark.parametrize("seed", range(60))
def test_a_damaged_lock_is_read_or_refused_but_never_crashes(seed: int) -> None:
    rng = random.Random(seed)
    content = list(pylock.write(locks.random_lock(seed)))
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(content))
        content[at : at + rng.randrange(3)] = rng.choice(['"', "=", "\n", "{", "]", "x", "0", ""])
    damaged = "".join(content)

    for reading in (pylock.read, pylock.read_provenance):
        try:
            reading(damaged, "pylock.toml")
        except InputError as error:
            assert error.where is not None or isinstance(error, InputProblems)  # noqa: PT017


def test_reading_keeps_the_text_of_markers() -> None:
    lock = locks.lock(replace(locks.package("a"), marker="sys_platform=='win32'"))

    assert pylock.read(pylock.write(lock), "x") == lock
