"""What is put beside a pushed image, read back from the registry and judged by others' readers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
from tests.fakes import FakeIndex
from tests.functional.command import Mooring, in_process, manifest

from mooring.build.documents import cyclonedx, dsse, provenance, spdx
from mooring.digests import digest_bytes
from mooring.oci.reference import ImageReference
from mooring.oci.referrers import fetch, list_referrers
from mooring.oci.registry import RegistryClient

pytestmark = [pytest.mark.engine, pytest.mark.registry]

PASSWORD = "correct horse"


@dataclass(frozen=True, kw_only=True, slots=True)
class Shop:
    """A project that can be built and pushed, with a key to sign it."""

    folder: Path
    repository: str
    mooring: Mooring

    def push(self, *more: str) -> str:
        """Push the image; return its digest."""
        words = ("--engine", "oci", "--platform", "linux/amd64", "--push", "--no-smoke")
        told = self.mooring("build", *words, "--format", "json", *more)
        assert told.code == 0, told.err
        return str(told.document["digest"])

    def documents(self, digest: str) -> dict[str, bytes]:
        """Return every document beside an image, by its type."""
        target = ImageReference.parse(self.repository)
        client = RegistryClient()
        found = list_referrers(client, target, digest)
        assert len({each.artifact_type for each in found}) == len(found)
        return {each.artifact_type: fetch(client, target, each) for each in found}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache that the tests share: taking the base out of the engine takes seconds."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def shop(
    tmp_path: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fake_index: FakeIndex,
    registry: str,
    base_image: str,
) -> Shop:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOORING_CACHE_DIR", str(cache))
    fake_index.add("alpha", "1.0", requires=["beta>=1", "winonly ; sys_platform == 'win32'"])
    fake_index.add("beta", "2.0")
    fake_index.add("winonly", "0.5")
    repository = f"{registry}/team/{tmp_path.name}"
    image = f'[tool.mooring.image]\nbase = "{base_image}"\nrepository = "{repository}"\n'
    text = manifest(fake_index, more=f'{image}files = ["app.py"]\n')
    (tmp_path / "pyproject.toml").write_text(text)
    (tmp_path / "app.py").write_text("x = 1\n")
    key = ec.generate_private_key(ec.SECP256R1())
    secret = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode())
    )
    (tmp_path / "key.pem").write_bytes(secret)
    (tmp_path / "key.pem").chmod(0o600)
    (tmp_path / "public.pem").write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    mooring = in_process(capsys)
    told = mooring("lock")
    assert told.code == 0, told.err
    return Shop(folder=tmp_path, repository=repository, mooring=mooring)


def test_everything_beside_an_image(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOORING_SIGN_PASSWORD", PASSWORD)
    digest = shop.push("--sign-key", "key.pem")
    found = shop.documents(digest)
    assert sorted(found) == sorted(
        [cyclonedx.MEDIA_TYPE, spdx.MEDIA_TYPE, provenance.MEDIA_TYPE, dsse.MEDIA_TYPE]
    )

    bom = found[cyclonedx.MEDIA_TYPE].decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bom) is None
    assert [part["name"] for part in json.loads(bom)["components"]] == ["demo", "alpha", "beta"]
    assert json.loads(bom)["metadata"]["component"]["hashes"][0]["content"] in digest

    # That reader takes no address by number for a download location.
    text = found[spdx.MEDIA_TYPE].decode().replace("http://127.0.0.1:", "http://index.test:")
    parsed = JsonLikeDictParser().parse(json.loads(text))  # type: ignore[no-untyped-call]
    assert validate_full_spdx_document(parsed) == []

    opened = dsse.verify(found[dsse.MEDIA_TYPE], shop.folder / "public.pem")
    assert opened.payload == found[provenance.MEDIA_TYPE]
    statement = json.loads(opened.payload)
    assert f"sha256:{statement['subject'][0]['digest']['sha256']}" == digest
    rows = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    by_name = {row["name"]: row["digest"]["sha256"] for row in rows if "digest" in row}
    assert by_name["app.py"] == digest_bytes(b"x = 1\n").removeprefix("sha256:")
    assert {"base image", "pylock.toml", "alpha-1.0-py3-none-any.whl"} <= by_name.keys()

    # The lock in the image is the one that the statement names.
    monkeypatch.chdir(shop.folder.parent)
    words = ("--engine", "oci", "--platform", "linux/amd64", "--output", f"oci:{shop.folder}/out")
    told = shop.mooring("build", "-C", shop.folder, *words)
    assert told.code == 0, told.err
    told = shop.mooring("verify", "--format", "json", "--image", f"oci:{shop.folder}/out")
    assert told.code == 0, told.err
    assert told.document["lock"]["sha256"] == by_name["pylock.toml"]


def test_another_push_adds_nothing(shop: Shop) -> None:
    digest = shop.push()
    before = shop.documents(digest)
    assert dsse.MEDIA_TYPE not in before
    assert shop.push() == digest
    assert shop.documents(digest) == before


def test_none_when_none_are_wanted(shop: Shop) -> None:
    (shop.folder / "app.py").write_text("x = 2\n")
    assert shop.documents(shop.push("--no-attest")) == {}


@pytest.mark.parametrize(
    ("password", "said"),
    [(None, "MOORING_SIGN_PASSWORD is not set"), ("battery staple", "does not open the key")],
)
def test_a_key_that_cannot_sign_is_told_before_anything_is_sent(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, password: str | None, said: str
) -> None:
    (shop.folder / "app.py").write_text("x = 3\n")
    if password is not None:
        monkeypatch.setenv("MOORING_SIGN_PASSWORD", password)
    told = shop.mooring(
        "build", "--engine", "oci", "--platform", "linux/amd64", "--push", "--sign-key", "key.pem"
    )
    assert told.code == 2, told.err
    assert said in told.err
    assert "Pushing" not in told.err
    assert "battery" not in told.err
