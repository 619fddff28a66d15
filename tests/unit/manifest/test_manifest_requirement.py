"""Requirements in normal form, and those that are refused."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from mooring.errors import InputError
from mooring.manifest.requirement import (
    MAX_CHARACTERS,
    canonical_name,
    checked_specifiers,
    embedded_name,
    normal_form,
)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Flask", "flask"),
        ("  zope.Interface_x  ", "zope-interface-x"),
        ("a[Z_z,b]>=1,<2", "a[b,z-z]<2,>=1"),
        ("a (>=1.0)", "a>=1.0"),
        ("a ; python_version<'3.9'", 'a; python_version < "3.9"'),
        ("a; 'linux' in sys_platform", 'a; "linux" in sys_platform'),
        ("a; extra == 'X_y'", 'a; extra == "x-y"'),
        ("a === 1.0+local", "a===1.0+local"),
        ("a@https://h.example/a.whl", "a @ https://h.example/a.whl"),
        (
            "A[b] @ git+https://h.example/a.git@v1#egg=a&subdirectory=sub ; os_name == 'nt'",
            'a[b] @ git+https://h.example/a.git@v1#subdirectory=sub ; os_name == "nt"',
        ),
        ("a @ git+https://git@h.example/a.git", "a @ git+https://h.example/a.git"),
        ("a @ git+ssh://git@h.example/a.git", "a @ git+ssh://git@h.example/a.git"),
        ("a @ https://h.example/a.zip#sha256=ab", "a @ https://h.example/a.zip#sha256=ab"),
    ],
)
def test_the_normal_form(text: str, normal: str) -> None:
    assert normal_form(text) == normal
    assert normal_form(normal) == normal
    if "git@" not in text and "egg" not in text:
        assert Requirement(normal) == Requirement(text)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "is not a requirement", "PEP 508"),
        ("a=1", "is not a requirement", '"name==1.2"'),
        ("a>>1", "is not a requirement", "PEP 508"),
        ("a>=1.*", ".* suffix can only be used with", "PEP 508"),
        ("a b", "is not a requirement", "PEP 508"),
        ("a; python_versio < '3'", "expected a marker variable", "sys_platform == 'linux'"),
        ("a;", "expected a marker variable", "sys_platform == 'linux'"),
        ("a[b", "RIGHT_BRACKET", "PEP 508"),
        ("\u0430bc", "is not a requirement", "PEP 508"),
        ("a==\u0661", "is not a requirement", "PEP 508"),
        ("a\nb", "is not a requirement", "PEP 508"),
        ("a; " + "(" * 1500 + "os_name=='nt'" + ")" * 1500, "nested too deeply", ""),
        ("a==" + "1" * MAX_CHARACTERS, "longer than 4096 characters", ""),
        ("${NAME}", "environment variable ${NAME}", "write its value"),
        ("a @ https://h.example/${TOKEN}/a.whl", "environment variable ${TOKEN}", "its value"),
        ("./a", "is a file or folder", "one machine"),
        ("../a", "is a file or folder", "one machine"),
        (".", "is a file or folder", "one machine"),
        (".[dev]", "is a file or folder", "one machine"),
        ("/srv/a", "is a file or folder", "one machine"),
        ("~/a", "is a file or folder", "one machine"),
        ("C:\\a", "is a file or folder", "one machine"),
        ("file:///srv/a", "is a file or folder", "one machine"),
        ("a-1.0-py3-none-any.whl", "is a file or folder", "one machine"),
        ("dist/a-1.0.tar.gz ; os_name == 'nt'", "is a file or folder", "one machine"),
        ("a @ ./a", "is a file or folder", "one machine"),
        ("a @ file:///srv/a", "is a file or folder", "one machine"),
        ("a @ FILE:///srv/a", "is a file or folder", "one machine"),
        ("a @ git@h.example:x/a.git", "is written in the form of scp", "git+ssh://git@host"),
        ("a @ hg+https://h.example/a", "comes by 'hg+https', which cannot be locked", "git+https"),
        ("a @ ftp://h.example/a.whl", "comes by 'ftp'", "git+https"),
        ("a @ https:///a.whl", "has no host", ""),
        ("a @ https://[::1/a.whl", "the URL of a is not valid", ""),
        ("a @ git+ssh://git@h.example:x/a.git", "the URL of a is not valid", ""),
        ("a @ https://u:hunter2@h.example/a", "the URL of a holds credentials", "netrc"),
        ("a @ https://hunter2@h.example/a", "the URL of a holds credentials", "netrc"),
        ("a @ git+ssh://git:hunter2@h.example/a", "holds credentials", "netrc"),
        ("a @ git+https://h.example/a#egg=b", "the URL of a says that it is 'b'", ""),
        ("a @ git+https://h.example/a#egg=a[x]", "the URL of a holds extras", '"a[x] @ ..."'),
    ],
)
def test_what_is_refused_and_why(text: str, message: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        normal_form(text)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert caught.value.where is None
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("text", ["", "-a", "a-", "a b", "\u00e4", "a\n", "../a"])
def test_names_follow_the_grammar(text: str) -> None:
    with pytest.raises(InputError):
        canonical_name(text)


@pytest.mark.parametrize(
    ("text", "wanted"), [(">=3.11", ">=3.11"), (" >=3.11, <4 ", ">=3.11, <4"), ("", "")]
)
def test_specifiers_are_kept_as_declared(text: str, wanted: str) -> None:
    assert checked_specifiers(text) == wanted


@pytest.mark.parametrize("text", ["3.11", ">=3.11.*", "^3.11", ">=3.11 <4", ">=" + "1" * 5000])
def test_specifiers_that_do_not_parse_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a version specifier"):
        checked_specifiers(text)


@pytest.mark.parametrize(
    ("url", "name", "extras"),
    [
        ("git+https://h.example/x.git@v1#egg=Simple", "Simple", ""),
        ("git+https://h.example/x.git#egg=simple[a,b]&subdirectory=s", "simple", "a,b"),
        ("git+https://h.example/x.git#egg=simple==0.5.6", "simple", ""),
        ("https://h.example/a_b-1.0%2Bcu1-py3-none-any.whl#sha256=00", "a-b", ""),
        ("https://h.example/a.b-1.0.tar.gz?x=y", "a-b", ""),
    ],
)
def test_a_bare_url_may_tell_the_name(url: str, name: str, extras: str) -> None:
    assert embedded_name(url) == (name, extras)


@pytest.mark.parametrize(
    "url",
    ["git+https://h.example/x.git", "https://h.example/main.zip", "https://h.example/x#egg=../y"],
)
def test_a_bare_url_that_does_not_tell_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="does not tell which package"):
        embedded_name(url)
