"""Pages of an index in both of their forms."""

from __future__ import annotations

import json

import pytest

from mooring.artifacts.fetch import Answer, FetchError
from mooring.artifacts.simple_page import PageFile, read_page

URL = "https://index.example/simple/a/"
HASH = "ab" * 32


def answer(body: str, content_type: str = "text/html") -> Answer:
    return Answer(status=200, content_type=content_type, body=body.encode(), url=URL)


def test_json_and_html_say_the_same() -> None:
    row = {
        "filename": "a-1-py3-none-any.whl",
        "url": "../../files/a-1-py3-none-any.whl",
        "hashes": {"sha256": HASH},
        "requires-python": ">=3.8,<4",
        "yanked": "broken",
        "size": 7,
        "upload-time": "2024-01-02T03:04:05Z",
    }
    expected = PageFile(
        name="a-1-py3-none-any.whl",
        url="https://index.example/files/a-1-py3-none-any.whl",
        sha256=HASH,
        size=7,
        upload_time="2024-01-02T03:04:05Z",
        requires_python=">=3.8,<4",
        yanked=True,
    )
    (found,) = read_page(answer(json.dumps({"files": [row]}), "application/vnd.x+json"))
    assert found == expected
    page = (
        '<!DOCTYPE html><a>no link</a><a href="https://u:p@index.example/files/'
        f'a-1-py3-none-any.whl#sha256={HASH}" data-requires-python="&gt;=3.8,&lt;4" '
        'data-yanked="broken" data-upload-time="2024-01-02T03:04:05Z">x</a>'
    )
    (found,) = read_page(answer(page))
    assert found.size is None
    assert (
        PageFile(
            name=found.name,
            url=found.url,
            sha256=found.sha256,
            size=7,
            upload_time=found.upload_time,
            requires_python=found.requires_python,
            yanked=found.yanked,
        )
        == expected
    )


def test_another_hash_is_not_taken_for_a_sha256() -> None:
    (found,) = read_page(answer('<a href="/f/a-1.tar.gz#md5=00">a</a>'))
    assert found.sha256 is None
    assert found.name == "a-1.tar.gz"


@pytest.mark.parametrize("body", ["{", "[]", '{"files": [{"url": 3}]}', '{"files": 3}'])
def test_malformed_json_is_reported_with_its_address(body: str) -> None:
    with pytest.raises(FetchError, match=URL):
        read_page(answer(body, "application/json"))
