"""Channels: names, URLs, and what of them is written down."""

from __future__ import annotations

import pytest

from mooring.errors import InputError
from mooring.manifest.conda_channels import channel_name, parse_channel, spec_channel


@pytest.mark.parametrize(
    ("declared", "name", "url"),
    [
        ("conda-forge", "conda-forge", "conda-forge"),
        ("conda-forge/", "conda-forge", "conda-forge"),
        ("nvidia/label/cuda-12.1.0", "nvidia/label/cuda-12.1.0", "nvidia/label/cuda-12.1.0"),
        (
            "https://conda.example.org/team/",
            "https://conda.example.org/team",
            "https://conda.example.org/team",
        ),
        (
            "https://me:secret@conda.example.org/team",
            "https://conda.example.org/team",
            "https://me:secret@conda.example.org/team",
        ),
        (
            "https://conda.example.org/t/tk-secret/team",
            "https://conda.example.org/team",
            "https://conda.example.org/t/tk-secret/team",
        ),
        (
            "https://conda.example.org/t/${CONDA_TOKEN}/team",
            "https://conda.example.org/team",
            "https://conda.example.org/team",
        ),
        (
            "https://$ME:${PASSWORD}@conda.example.org/team",
            "https://conda.example.org/team",
            "https://conda.example.org/team",
        ),
        ("http://127.0.0.1:8000/c", "http://127.0.0.1:8000/c", "http://127.0.0.1:8000/c"),
        ("file:///srv/t/x/channel/", "file:///srv/t/x/channel", "file:///srv/t/x/channel"),
    ],
)
def test_names_carry_no_secret(declared: str, name: str, url: str) -> None:
    channel = parse_channel(declared)
    assert (channel.name, channel.url) == (name, url)
    assert "secret" not in repr(channel)
    assert channel_name(channel.url) == name


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("", "'' is not a channel"),
        ("conda forge", "is not a channel"),
        ("../channel", "is not a channel"),
        ("a/../b", "is not a channel"),
        ("/srv/channel", "is not a channel"),
        ("${CHANNEL}", "is not a channel"),
        ("conda-f\u043erge", "is not a channel"),
        ("local", "on one machine only"),
        ("conda-forge/linux-64", "is declared for linux-64 only"),
        ("https://conda.example.org/c/noarch", "is declared for noarch only"),
        ("ftp://conda.example.org/c", "begins with https://"),
        ("s3://bucket/c", "begins with https://"),
        ("https://", "is not valid"),
        ("https://conda.example.org/c?a=b", "is not valid"),
        ("https://conda.example.org/c d", "is not valid"),
        ("https://conda.example.org:x/c", "is not valid"),
        ("https://[conda.example.org/c", "is not valid"),
        ("https://${HOST}/c", "holds an environment variable"),
        ("https://conda.example.org/${TEAM}", "holds an environment variable"),
        ("https://conda.example.org/../c", "holds `..`"),
        ("file://host/c", "three slashes"),
    ],
)
def test_what_is_no_channel(declared: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        parse_channel(declared)
    assert message in raised.value.message


def test_a_refused_url_shows_no_secret() -> None:
    for declared in ("https://me:secret@/c", "https://conda.example.org/t/secret/c/linux-64"):
        with pytest.raises(InputError) as raised:
            parse_channel(declared)
        assert "secret" not in f"{raised.value.message} {raised.value.hint}"


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("conda-forge", ("conda-forge", None)),
        ("conda-forge/linux-64", ("conda-forge", "linux-64")),
        ("conda-forge/label/dev", ("conda-forge/label/dev", None)),
        ("https://conda.example.org/c/noarch", ("https://conda.example.org/c", "noarch")),
        ("*/win-32", (None, "win-32")),
        ("*", (None, None)),
    ],
)
def test_channels_of_specifications(written: str, found: tuple[str | None, str | None]) -> None:
    assert spec_channel(written) == found
