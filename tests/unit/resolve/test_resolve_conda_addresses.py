"""Where channels are asked, and what of that may be seen."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from tests.conda_solving import channel, record, write_channel

from mooring.errors import InputError, MooringError
from mooring.resolve.conda.addresses import (
    Address,
    addresses,
    variable_stem,
    with_addresses,
    without_secrets,
)
from mooring.resolve.interface import UnsatisfiableError

PRIVATE = "https://conda.example.org/private"


def basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


def test_a_name_stays_a_name() -> None:
    (found,) = addresses([channel("conda-forge")], {})
    assert found == Address(label="conda-forge", base="conda-forge")


def test_a_user_becomes_a_header() -> None:
    url = "https://alice:s3cr%40t@conda.example.org/private/"
    (found,) = addresses([channel(url, name="internal")], {})
    assert found.base == PRIVATE
    assert found.asked == ()
    assert found.headers == ((PRIVATE, basic("alice:s3cr@t")),)
    assert "s3cr" not in repr(found)


def test_a_token_becomes_a_mirror() -> None:
    url = "https://conda.example.org/t/TOKEN-1/private"
    (found,) = addresses([channel(url, name="internal")], {})
    assert found.base == PRIVATE
    assert found.asked == (url,)
    assert "TOKEN" not in repr(found)


def test_mirrors_are_asked_instead() -> None:
    mirrors = ["https://bob:pw@mirror.example.org/conda/", "https://other.example.org/conda"]
    (found,) = addresses([channel("conda-forge", mirrors=mirrors)], {})
    assert found.base == "conda-forge"
    assert found.asked == (
        "https://mirror.example.org/conda",
        "https://other.example.org/conda",
    )
    assert found.headers == (("https://mirror.example.org/conda", basic("bob:pw")),)


def test_the_environment_says_who_asks() -> None:
    names = {
        "MOORING_CONDA_INTERNAL_USERNAME": "carol",
        "MOORING_CONDA_INTERNAL_PASSWORD": "pw",
        "MOORING_CONDA_OTHER_TOKEN": "tok",
    }
    internal, other, plain = addresses(
        [channel(PRIVATE, name="internal"), channel("other"), channel("plain")], names
    )
    assert internal.headers == (("", basic("carol:pw")),)
    assert other.headers == (("", "Bearer tok"),)
    assert plain.headers == ()


def test_variables_are_named_after_the_channel() -> None:
    assert variable_stem("conda-forge") == "MOORING_CONDA_CONDA_FORGE"
    assert variable_stem(PRIVATE) == "MOORING_CONDA_CONDA_EXAMPLE_ORG_PRIVATE"


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://u:p@conda.example.org/t/abc/x/linux-64/a.conda", "/x/linux-64/a.conda"),
        ("https://conda.example.org/x/a.conda?sig=abc#f", "/x/a.conda"),
        ("https://conda.example.org/x/a.conda", "/x/a.conda"),
    ],
)
def test_secrets_are_taken_out(url: str, clean: str) -> None:
    assert without_secrets(url) == f"https://conda.example.org{clean}"


def test_a_folder_may_be_named_t() -> None:
    assert without_secrets("file:///t/abc/channel") == "file:///t/abc/channel"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("numpy >=2", "numpy >=2"),
        ("internal::numpy >=2", f"{PRIVATE}::numpy >=2"),
        ("internal/linux-64::numpy", f"{PRIVATE}/linux-64::numpy"),
        ("private::numpy", f"{PRIVATE}::numpy"),
        ("conda-forge::numpy", "conda-forge::numpy"),
        (f"{PRIVATE}::numpy[build='a*']", f"{PRIVATE}::numpy[build='a*']"),
        ("elsewhere::numpy", "elsewhere::numpy"),
    ],
)
def test_a_label_in_a_specification_becomes_the_address(spec: str, expected: str) -> None:
    known = (
        Address(label="internal", base=PRIVATE),
        Address(label="conda-forge", base="conda-forge"),
    )
    assert with_addresses(spec, known) == expected


def test_no_channel_is_an_error() -> None:
    with pytest.raises(InputError, match="no channel"):
        addresses([], {})


def test_a_folder_that_does_not_exist_is_no_empty_channel(tmp_path: Path) -> None:
    url = (tmp_path / "gone").as_uri()
    with pytest.raises(UnsatisfiableError, match="internal does not exist") as raised:
        addresses([channel(url, name="internal")], {})
    assert raised.value.exit_code == 2


def test_a_folder_without_repodata_is_no_channel(tmp_path: Path) -> None:
    with pytest.raises(MooringError, match="holds no repodata"):
        addresses([channel(tmp_path.as_uri())], {})


def test_a_folder_with_repodata_is_one(tmp_path: Path) -> None:
    url = write_channel(tmp_path, record("tool"))
    assert addresses([channel(url)], {})[0].base == url


def test_mirrors_in_folders_are_looked_at_too(tmp_path: Path) -> None:
    mirror = (tmp_path / "gone").as_uri()
    with pytest.raises(MooringError, match="does not exist"):
        addresses([channel("conda-forge", mirrors=[mirror])], {})
