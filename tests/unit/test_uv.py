"""The adapter of uv: what it passes on, how it names indexes, and what it makes of errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from mooring.errors import InputError
from mooring.manifest.model import Index
from mooring.uv import (
    explain_failure,
    index_arguments,
    index_credentials,
    is_offline,
    readable,
    uv_binary,
    uv_environment,
)

MAIN = Index(name="main", url="https://ann:s3cret@main.example/simple", default=True)
MORE = Index(name="more", url="https://more.example/simple")
BOUND = Index(name="team.x", url="https://team.example/x", explicit=True, packages=("a",))


def configured(tmp_path: Path, text: str) -> dict[str, str]:
    path = tmp_path / "uv" / "uv.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return {"XDG_CONFIG_HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "none")}


def test_the_binary_is_found() -> None:
    assert uv_binary().name.startswith("uv")


class TestEnvironment:
    def test_only_what_is_on_the_list_is_passed_on(self) -> None:
        env = uv_environment(
            environ={
                "PATH": "/bin",
                "https_proxy": "http://proxy",
                "UV_CACHE_DIR": "/cache",
                "UV_CONCURRENT_DOWNLOADS": "4",
                "UV_INDEX_MAIN_PASSWORD": "x",
                "UV_RESOLUTION": "lowest",
                "UV_PRERELEASE": "allow",
                "UV_LINK_MODE": "copy",
                "AWS_SECRET_ACCESS_KEY": "x",
                "PYTHONPATH": "/x",
            }
        )
        assert set(env) == {
            "PATH",
            "https_proxy",
            "UV_CACHE_DIR",
            "UV_CONCURRENT_DOWNLOADS",
            "UV_INDEX_MAIN_PASSWORD",
            "UV_NO_CONFIG",
            "UV_NO_PROGRESS",
            "NO_COLOR",
        }

    def test_the_index_of_the_client_counts_unless_one_is_declared(self) -> None:
        own = {"UV_DEFAULT_INDEX": "https://own.example", "UV_EXTRA_INDEX_URL": "https://x.example"}
        assert own.items() <= uv_environment(environ=own).items()
        assert own.items() <= uv_environment([BOUND], environ=own).items()
        assert "UV_DEFAULT_INDEX" not in uv_environment([MAIN], environ=own)
        with_more = uv_environment([MORE], environ=own)
        assert with_more["UV_DEFAULT_INDEX"] == "https://own.example"
        assert "UV_EXTRA_INDEX_URL" not in with_more

    def test_credentials_of_urls_become_variables(self) -> None:
        env = uv_environment([MAIN], environ={})
        assert env["UV_INDEX_MAIN_USERNAME"] == "ann"
        assert env["UV_INDEX_MAIN_PASSWORD"] == "s3cret"
        set_before = uv_environment([MAIN], environ={"UV_INDEX_MAIN_PASSWORD": "other"})
        assert set_before["UV_INDEX_MAIN_PASSWORD"] == "other"
        assert "UV_INDEX_MAIN_USERNAME" not in set_before

    def test_only_the_indexes_and_their_transport_come_from_files(self, tmp_path: Path) -> None:
        own = configured(
            tmp_path,
            'resolution = "lowest"\nsystem-certs = true\nkeyring-provider = "subprocess"\n'
            'allow-insecure-host = ["a.example", "b.example:81"]\n'
            'extra-index-url = ["https://extra.example"]\n'
            '[[index]]\nname = "corp"\nurl = "https://corp.example"\ndefault = true\n'
            '[[index]]\nurl = "https://second.example"\n'
            '[[index]]\nname = "e"\nurl = "https://e.example"\nexplicit = true\n',
        )
        env = uv_environment(environ=own)
        assert {k: v for k, v in env.items() if k.startswith("UV_")} == {
            "UV_DEFAULT_INDEX": "corp=https://corp.example",
            "UV_INDEX": "https://second.example https://extra.example",
            "UV_SYSTEM_CERTS": "1",
            "UV_INSECURE_HOST": "a.example b.example:81",
            "UV_KEYRING_PROVIDER": "subprocess",
            "UV_NO_CONFIG": "1",
            "UV_NO_PROGRESS": "1",
        }

    def test_variables_win_over_files_and_files_can_be_switched_off(self, tmp_path: Path) -> None:
        own = configured(tmp_path, 'index-url = "https://file.example"\n')
        assert uv_environment(environ=own)["UV_DEFAULT_INDEX"] == "https://file.example"
        env = uv_environment(environ={**own, "UV_INDEX_URL": "https://variable.example"})
        assert env["UV_INDEX_URL"] == "https://variable.example"
        assert "UV_DEFAULT_INDEX" not in env
        assert "UV_DEFAULT_INDEX" not in uv_environment(environ={**own, "UV_NO_CONFIG": "1"})
        named = tmp_path / "named.toml"
        named.write_text('index-url = "https://named.example"\n')
        env = uv_environment(environ={**own, "UV_CONFIG_FILE": str(named)})
        assert env["UV_DEFAULT_INDEX"] == "https://named.example"

    @pytest.mark.parametrize("text", ["index = 3", "[[index]]\nname = 'x'", "index-url = "])
    def test_a_broken_file_is_named(self, tmp_path: Path, text: str) -> None:
        own = configured(tmp_path, text)
        with pytest.raises(InputError, match=r"uv\.toml"):
            uv_environment(environ=own)


@pytest.mark.parametrize(("value", "offline"), [("1", True), ("True", True), ("0", False)])
def test_the_environment_may_forbid_the_network(value: str, offline: bool) -> None:
    assert is_offline({"UV_OFFLINE": value}) is offline
    assert not is_offline({})


class TestIndexes:
    def test_arguments_hold_no_credentials(self) -> None:
        assert index_arguments([MAIN, MORE, BOUND]) == [
            "--default-index",
            "main=https://main.example/simple",
            "--index",
            "more=https://more.example/simple",
        ]
        assert index_arguments([BOUND], explicit=True) == [
            "--index",
            "team.x=https://team.example/x",
        ]

    def test_credentials_belong_to_an_origin(self) -> None:
        own = {
            "UV_INDEX_TEAM_X_USERNAME": "bo",
            "UV_INDEX_TEAM_X_PASSWORD": "pw",
            "UV_INDEX": "corp=https://corp.example:8443/x https://eve:e@eve.example/y",
            "UV_INDEX_CORP_PASSWORD": "token",
        }
        assert index_credentials([MAIN, BOUND], own) == {
            "https://main.example": ("ann", "s3cret"),
            "https://team.example": ("bo", "pw"),
        }
        assert index_credentials([], own) == {
            "https://corp.example:8443": ("", "token"),
            "https://eve.example": ("eve", "e"),
        }


class TestFailures:
    @pytest.mark.parametrize(
        ("text", "kind", "parts"),
        [
            (
                (
                    "error: Failed to fetch: https://u:pw@h.example:81/simple/a/\n"
                    "  cause: client error (Connect)\n  cause: Connection refused (os error 111)\n"
                ),
                "unreachable",
                "h.example:81 cannot be reached: Connection refused",
            ),
            (
                (
                    "error: Failed to fetch: https://h.example/a/\n"
                    "  cause: HTTP status server error (503 Service Unavailable) for url (https://h.example/a/)"
                ),
                "unreachable",
                "h.example cannot be reached: 503 Service Unavailable",
            ),
            (
                (
                    "error: Failed to fetch: https://h.example/a/\n"
                    "  cause: invalid peer certificate: UnknownIssuer\n\nhint: Consider enabling"
                ),
                "certificate",
                "the certificate of h.example is not trusted (UnknownIssuer)",
            ),
            (
                (
                    "error: No solution found\n\nhint: x (https://other.example/)\n\n"
                    "hint: An index URL (https://team.example/x) could not be queried due to a "
                    "lack of valid authentication credentials (401 Unauthorized)"
                ),
                "credentials",
                "the index at team.example refused the request: 401 Unauthorized",
            ),
            (
                (
                    "error: No solution found\n\n"
                    "hint: Packages were unavailable because the network was disabled."
                ),
                "offline",
                "not everything that is needed is in uv's cache",
            ),
        ],
    )
    def test_network_trouble_is_told_apart(self, text: str, kind: str, parts: str) -> None:
        found = explain_failure(text, [BOUND])
        assert found is not None
        assert (found.kind, found.message) == (kind, parts)
        assert "pw" not in found.message + found.hint

    def test_the_variables_of_the_index_that_refused_are_named(self) -> None:
        text = "hint: An index (https://team.example/x/) returned a 403 Forbidden error."
        named, unnamed = explain_failure(text, [BOUND]), explain_failure(text)
        assert named is not None
        assert "UV_INDEX_TEAM_X_USERNAME" in named.hint
        assert unnamed is not None
        assert "UV_INDEX_<NAME>_USERNAME" in unnamed.hint

    def test_other_texts_are_no_network_trouble(self) -> None:
        assert explain_failure("error: No solution found: because a depends on b<1") is None

    def test_text_is_made_readable(self) -> None:
        text = "\x1b[31merror\x1b[0m: https://u:pw@h.example in /tmp/x/y\x07\r\n"
        assert readable(text, {"/tmp/x/": ""}) == "error: https://***@h.example in y"
