"""The page of one project in a package index: PEP 691 (JSON) or PEP 503 (HTML)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin

from mooring.artifacts.fetch import Answer, FetchError
from mooring.urls import strip_credentials

ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"
PAGE_BYTES = 64 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class PageFile:
    """One file that an index offers.

    Attributes:
        url: Absolute, without credentials and fragment.
        sha256: In lower-case hex; None when the index publishes another hash or none.
        yanked: Whether the index advises against it (PEP 592).
    """

    name: str
    url: str
    sha256: str | None
    size: int | None
    upload_time: str | None
    requires_python: str | None
    yanked: bool


def read_page(answer: Answer) -> tuple[PageFile, ...]:
    """Read the files of a page, in the order of the page.

    Raises:
        FetchError: The page is neither of the two forms.
    """
    try:
        if "json" in answer.content_type:
            return _from_json(answer)
        return _from_html(answer)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise FetchError(f"the page is malformed: {error}", where=answer.url) from error


def _from_json(answer: Answer) -> tuple[PageFile, ...]:
    return tuple(
        PageFile(
            name=str(row["filename"]),
            url=_address(answer, str(row["url"])),
            sha256=row.get("hashes", {}).get("sha256"),
            size=row.get("size"),
            upload_time=row.get("upload-time"),
            requires_python=row.get("requires-python"),
            yanked=bool(row.get("yanked")),
        )
        for row in json.loads(answer.body)["files"]
    )


def _from_html(answer: Answer) -> tuple[PageFile, ...]:
    parser = _Anchors()
    parser.feed(answer.body.decode("utf-8", "replace"))
    files = []
    for attributes in parser.anchors:
        href = attributes.get("href")
        if not href:
            continue
        address, fragment = urldefrag(urljoin(answer.url, href))
        algorithm, _, value = fragment.partition("=")
        files.append(
            PageFile(
                name=unquote(address.rpartition("/")[2]),
                url=strip_credentials(address),
                sha256=value.lower() if algorithm == "sha256" else None,
                size=None,
                upload_time=attributes.get("data-upload-time"),
                requires_python=attributes.get("data-requires-python"),
                yanked="data-yanked" in attributes,
            )
        )
    return tuple(files)


def _address(answer: Answer, url: str) -> str:
    return strip_credentials(urldefrag(urljoin(answer.url, url))[0])


class _Anchors(HTMLParser):
    """Collects the attributes of every link."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.anchors.append(dict(attrs))
