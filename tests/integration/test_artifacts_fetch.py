"""Fetching from a server on this machine."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.fakes import FakeIndex
from tests.integration.images_fixtures import http_server

from mooring.artifacts.fetch import FetchError, fetching
from mooring.manifest.model import Index

pytestmark = pytest.mark.network


def test_a_page_is_fetched_in_the_form_that_is_asked_for(fake_index: FakeIndex) -> None:
    fake_index.add("a", "1")
    with fetching() as fetcher:
        page = fetcher.get(f"{fake_index.url}a/", limit=1 << 20)
        assert (page.status, page.content_type) == (200, "text/html")
        json = "application/vnd.pypi.simple.v1+json"
        assert fetcher.get(f"{fake_index.url}a/", limit=1 << 20, accept=json).content_type == json
        assert fetcher.get(f"{fake_index.url}b/", limit=1).status == 404


def test_credentials_go_to_their_own_host_only(fake_index: FakeIndex) -> None:
    fake_index.add("a", "1")
    fake_index.auth = "ann:s3cret"
    own = Index(name="own", url=fake_index.url.replace("//", "//ann:s3cret@"))
    other = Index(name="other", url="http://ann:s3cret@127.0.0.1:9/simple")
    with fetching([own]) as fetcher:
        assert fetcher.get(f"{fake_index.url}a/", limit=1 << 20).status == 200
    with fetching([other]) as fetcher:
        assert fetcher.get(f"{fake_index.url}a/", limit=1 << 20).status == 401


def test_redirects_are_followed_end_and_get_no_credentials_of_others() -> None:
    def respond(
        method: str, path: str, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        seen.append((path, "Authorization" in headers))
        if path == "/simple/a":
            return 302, {"Location": f"http://localhost:{address.rpartition(':')[2]}/b"}, b"x" * 999
        if path == "/b":
            return 200, {}, b"there"
        return 301, {"Location": "/again" if path != "/broken" else "http://[::1"}, b""

    seen: list[tuple[str, bool]] = []
    with http_server(respond) as address:
        own = Index(name="own", url=f"http://ann:s3cret@{address}/simple")
        with fetching([own]) as fetcher:
            answer = fetcher.get(f"http://{address}/simple/a", limit=100)
            assert (answer.status, answer.body) == (200, b"there")
            assert answer.url.endswith("/b")
            assert seen == [("/simple/a", True), ("/b", False)]
            with pytest.raises(FetchError, match="redirects more than"):
                fetcher.get(f"http://{address}/loop", limit=100)
            with pytest.raises(FetchError, match="cannot be reached"):
                fetcher.get(f"http://{address}/broken", limit=100)


def test_a_server_error_is_tried_again_then_reported(fake_index: FakeIndex) -> None:
    fake_index.failing = {"/simple/a/": 502}
    with fetching() as fetcher, pytest.raises(FetchError, match="cannot be reached: 502"):
        fetcher.get(f"{fake_index.url}a/", limit=1 << 20)
    assert len(fake_index.log) == 4


def test_a_body_that_is_too_large_is_not_read(fake_index: FakeIndex) -> None:
    (wheel,) = fake_index.add("a", "1", files={"a/__init__.py": b"#" * (1 << 18)})
    with fetching() as fetcher, pytest.raises(FetchError, match="larger than 64 KiB"):
        fetcher.get(fake_index.root + wheel.path, limit=1 << 16)


def test_a_body_that_breaks_off_is_an_error(fake_index: FakeIndex) -> None:
    (wheel,) = fake_index.add("a", "1")
    fake_index.truncated = {wheel.filename}
    with fetching() as fetcher, pytest.raises(FetchError, match="cannot be reached"):
        fetcher.get(fake_index.root + wheel.path, limit=1 << 16)


def test_a_host_that_is_down_is_named_without_credentials() -> None:
    with fetching() as fetcher, pytest.raises(FetchError) as caught:
        fetcher.get("http://ann:s3cret@127.0.0.1:9/x", limit=1)
    assert str(caught.value) == "127.0.0.1:9 cannot be reached: Connection refused"
