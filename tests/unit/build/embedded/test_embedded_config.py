"""Configuration, manifest and index: what survives of the base, what is set, and the bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.unit.build.embedded.environments_made import PLACE, base, layer, sha

from mooring.build.embedded.config import (
    DEFAULT_PATH,
    image_config,
    image_index,
    image_manifest,
    platform_fields,
)
from mooring.build.embedded.interface import BaseContent, EmbeddedBuildError
from mooring.digests import canonical_json, digest_bytes
from mooring.manifest.model import ImageSpec
from mooring.oci.content import ImageContent

CASES = Path(__file__).resolve().parents[5] / "shared" / "cases.tar.xz"
LAYERS = [(layer("one"), "numpy 2.4.6"), (layer("two"), "the project's files")]

RICH = {
    "Env": ["PATH=/usr/local/bin:/usr/bin", "LANG=C.UTF-8", "HOME=/root", "ODD"],
    "Labels": {"vendor": "base", "version": "1"},
    "StopSignal": "SIGINT",
    "Volumes": {"/data": {}},
    "ExposedPorts": {"53/udp": {}},
    "Healthcheck": {"Test": ["NONE"]},
    "Entrypoint": ["/entry"],
    "Cmd": ["python3"],
    "Shell": ["/bin/bash", "-c"],
    "User": "base",
    "WorkingDir": "/base",
    # Of the container that the last layer was made in.
    "Hostname": "0123456789ab",
    "Image": "sha256:0123",
    "AttachStdin": False,
    "OnBuild": None,
}


def config(content: BaseContent, spec: ImageSpec | None = None, **labels: str) -> dict[str, Any]:
    made = image_config(content, spec or ImageSpec(), PLACE, LAYERS, created=86400, labels=labels)
    document = json.loads(made)
    assert canonical_json(document) == made
    assert isinstance(document, dict)
    return document


def settings(content: BaseContent, spec: ImageSpec | None = None, **labels: str) -> dict[str, Any]:
    found = config(content, spec, **labels)["config"]
    assert isinstance(found, dict)
    return found


def test_the_settings_of_the_base_survive() -> None:
    assert settings(base(RICH)) == {
        "Env": [
            "PATH=/opt/env/bin:/usr/local/bin:/usr/bin",
            "LANG=C.UTF-8",
            "HOME=/home/mooring",
            "VIRTUAL_ENV=/opt/env",
            "PYTHONUNBUFFERED=1",
        ],
        "Labels": {"vendor": "base", "version": "1"},
        "StopSignal": "SIGINT",
        "Volumes": {"/data": {}},
        "ExposedPorts": {"53/udp": {}},
        "Healthcheck": {"Test": ["NONE"]},
        "Entrypoint": ["/entry"],
        "Cmd": ["python3"],
        "Shell": ["/bin/bash", "-c"],
        "User": "65532:65532",
        "WorkingDir": "/app",
    }


def test_what_is_declared_is_set() -> None:
    spec = ImageSpec(
        env=(("LANG", "de"), ("A", "x=y $PATH"), ("PYTHONUNBUFFERED", "")),
        labels=(("ignored", "here: the caller passes all labels"),),
        entrypoint=("python", "-m", "app"),
        ports=(8000, 53),
        healthcheck=("true",),
        workdir="//srv/app/",
        user="1000",
    )
    found = settings(base(RICH), spec, version="2", title="x")
    assert found["Env"] == [
        "PATH=/opt/env/bin:/usr/local/bin:/usr/bin",
        "LANG=de",
        "HOME=/home/mooring",
        "VIRTUAL_ENV=/opt/env",
        "PYTHONUNBUFFERED=",
        "A=x=y $PATH",
    ]
    assert found["Labels"] == {"vendor": "base", "version": "2", "title": "x"}
    assert found["Entrypoint"] == ["python", "-m", "app"]
    assert "Cmd" not in found, "an entry point takes away the base's arguments"
    assert found["ExposedPorts"] == {"53/udp": {}, "53/tcp": {}, "8000/tcp": {}}
    assert found["Healthcheck"] == {
        "Test": ["CMD", "true"],
        "Interval": 30_000_000_000,
        "Timeout": 5_000_000_000,
        "Retries": 3,
    }
    assert (found["User"], found["WorkingDir"]) == ("1000", "/srv/app")


@pytest.mark.parametrize(
    ("entrypoint", "cmd", "expected"),
    [
        ((), (), (["/entry"], ["python3"])),
        (("a",), (), (["a"], None)),
        ((), ("b",), (["/entry"], ["b"])),
        (("a",), ("b",), (["a"], ["b"])),
    ],
)
def test_entry_point_and_command_reset_each_other_as_in_docker(
    entrypoint: tuple[str, ...], cmd: tuple[str, ...], expected: tuple[object, object]
) -> None:
    found = settings(base(RICH), ImageSpec(entrypoint=entrypoint, cmd=cmd))
    assert (found.get("Entrypoint"), found.get("Cmd")) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (None, f"/opt/env/bin:{DEFAULT_PATH}"),
        ("/bin", "/opt/env/bin:/bin"),
        ("/opt/env/bin:/bin", "/opt/env/bin:/bin"),
        ("/x:/opt/env/bin:/bin", "/opt/env/bin:/x:/bin"),
        ("/opt/env/binary", "/opt/env/bin:/opt/env/binary"),
    ],
)
def test_the_path_begins_with_the_environment_once(path: str | None, expected: str) -> None:
    content = base({"Env": [f"PATH={path}"]} if path is not None else {})
    assert f"PATH={expected}" in settings(content)["Env"]


@pytest.mark.parametrize(("user", "home"), [("1000:0", True), ("0:0", False), ("app", False)])
def test_home_is_set_for_an_account_of_ours(user: str, home: bool) -> None:
    found = settings(base(), ImageSpec(user=user))
    assert ("HOME=/home/mooring" in found["Env"]) == home
    assert found["User"] == user


def test_layers_and_history_are_in_step() -> None:
    history = [
        {"created": "2026-01-01T00:00:00Z", "created_by": "ADD rootfs"},
        {"created_by": "ENV", "empty_layer": True},
        {"created_by": "RUN"},
    ]
    content = base({}, layers=("a", "b"), history=history)
    document = config(content)
    assert document["rootfs"] == {
        "type": "layers",
        "diff_ids": [sha(f"layer {name}") for name in ("a", "b", "one", "two")],
    }
    ours = [
        {"created": "1970-01-02T00:00:00Z", "created_by": "mooring: numpy 2.4.6"},
        {"created": "1970-01-02T00:00:00Z", "created_by": "mooring: the project's files"},
    ]
    assert document["history"] == [*history, *ours]
    assert document["created"] == "1970-01-02T00:00:00Z"


@pytest.mark.parametrize(
    "history",
    [
        None,
        [],
        "nonsense",
        [{"empty_layer": True}],
        [{"created_by": "one"}],
        [{"created_by": str(number)} for number in range(5)],
    ],
)
def test_a_history_that_does_not_fit_the_layers_is_put_right(history: object) -> None:
    document = config(base({}, layers=("a", "b"), history=history))
    filled = [one for one in document["history"] if not one.get("empty_layer")]
    assert len(filled) == len(document["rootfs"]["diff_ids"]) == 4


def test_what_describes_the_image_survives_and_the_rest_goes() -> None:
    document = config(
        base(
            {},
            platform="linux/arm64",
            author="me",
            container_config={"Cmd": ["x"]},
            docker_version="20.10",
            id="1",
            parent="2",
            **{"os.version": "12"},
        )
    )
    assert {"author": "me", "os.version": "12", "variant": "v8"}.items() <= document.items()
    assert document.keys() == {
        "architecture", "author", "config", "created", "history", "os", "os.version", "rootfs",
        "variant",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("platform", "fields"),
    [
        ("linux/amd64", {"os": "linux", "architecture": "amd64"}),
        ("linux/arm64", {"os": "linux", "architecture": "arm64", "variant": "v8"}),
        ("linux/arm64/v8", {"os": "linux", "architecture": "arm64", "variant": "v8"}),
        ("linux/arm/v7", {"os": "linux", "architecture": "arm", "variant": "v7"}),
    ],
)
def test_a_platform_has_its_variant(platform: str, fields: dict[str, str]) -> None:
    assert platform_fields(platform) == fields


def test_a_base_with_triggers_needs_an_engine() -> None:
    with pytest.raises(EmbeddedBuildError, match="ONBUILD") as caught:
        settings(base({"OnBuild": ["RUN make"]}))
    assert "--engine docker" in (caught.value.hint or "")


def test_a_base_that_contradicts_itself_is_refused() -> None:
    content = base({}, rootfs={"type": "layers", "diff_ids": [sha("other")]})
    with pytest.raises(EmbeddedBuildError, match="other layers than its manifest"):
        settings(content)


@pytest.mark.parametrize("odd", [None, [], "x", {"Env": "x", "Labels": [], "ExposedPorts": None}])
def test_settings_of_another_shape_are_no_settings(odd: object) -> None:
    document = config(base({}, config=odd))
    assert document["config"]["Env"][:2] == [
        f"PATH=/opt/env/bin:{DEFAULT_PATH}",
        "HOME=/home/mooring",
    ]


def test_values_of_another_kind_are_left_out() -> None:
    odd = {"StopTimeout": "5", "StopSignal": 5, "Volumes": ["/x"], "Cmd": ["x", 1], "Shell": "sh"}
    document = config(base({**odd, "Labels": {"a": 5, "b": "c"}}, author=["x"]), note="n")
    assert document["config"].keys().isdisjoint(odd)
    assert document["config"]["Labels"] == {"b": "c", "note": "n"}
    assert "author" not in document


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        ({"Env": ["A=\ud800"]}, "text that is not Unicode"),
        ({"Healthcheck": {"Retries": float("nan")}}, "the number nan"),
        ({"StopTimeout": 1 << 63}, "more than 64 bits"),
        ({"Volumes": json.loads('{"a":' * 300 + "1" + "}" * 300)}, "without end"),
    ],
)
def test_what_engines_cannot_read_is_refused(odd: dict[str, object], reason: str) -> None:
    with pytest.raises(EmbeddedBuildError, match=reason) as caught:
        config(base(odd))
    assert caught.value.where == "python:3.11-slim"
    assert caught.value.hint


def image(platform: str, spec: ImageSpec | None = None) -> ImageContent:
    content = base(RICH, platform=platform)
    made = image_config(
        content, spec or ImageSpec(), PLACE, LAYERS, created=1_700_000_000, labels={"a": "b"}
    )
    return ImageContent(
        platform=platform,
        manifest=image_manifest(content, made, LAYERS, {"note": "ü"}),
        config=made,
        layers=content.layers,
    )


def test_the_manifest_lists_the_layers_of_the_base_first() -> None:
    made = image("linux/amd64")
    document = json.loads(made.manifest.body)
    assert canonical_json(document) == made.manifest.body
    assert digest_bytes(made.manifest.body) == made.manifest.digest
    assert document["config"]["digest"] == digest_bytes(made.config)
    assert document["config"]["size"] == len(made.config)
    assert [one["digest"] for one in document["layers"]] == [
        sha(f"blob {name}") for name in ("base", "one", "two")
    ]
    assert document["annotations"] == {"note": "ü"}
    plain = image_manifest(base(), b"{}", LAYERS)
    assert "annotations" not in json.loads(plain.body)


def test_an_index_does_not_depend_on_the_order_of_its_images() -> None:
    amd, arm = image("linux/amd64"), image("linux/arm64")
    index = image_index([arm, amd], {"note": "x"})
    assert index == image_index([amd, arm], {"note": "x"})
    assert index.is_index
    assert [one.platform for one in index.images()] == ["linux/amd64", "linux/arm64/v8"]
    assert [one.digest for one in index.images()] == [amd.manifest.digest, arm.manifest.digest]


def test_golden_digest() -> None:
    # Another value here means another image for the same recipe: a changelog entry.
    found = image("linux/arm64").manifest.digest
    assert found == "sha256:8218f7182a109b7c4c7661adb33fe0e772cb568d521eb36dc22749472c95eb59"


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """Return the JSON schemas of the image specification, by file name."""
    if not CASES.is_file():
        pytest.skip("the archive with the schemas is not here")
    import tarfile

    folder = tmp_path_factory.mktemp("schemas")
    with tarfile.open(CASES) as archive:
        members = [one for one in archive if "/vectors/oci/schema/" in f"/{one.name}"]
        archive.extractall(folder, members, filter="data")
    return {path.name: json.loads(path.read_text()) for path in _files(folder)}


def _files(folder: Path) -> Iterator[Path]:
    yield from folder.rglob("*.json")


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm64"])
def test_the_specification_accepts_all_three_documents(
    schemas: Mapping[str, Any], platform: str
) -> None:
    from jsonschema import Draft4Validator
    from referencing import Registry
    from referencing.jsonschema import DRAFT4

    resources = []
    for name, schema in schemas.items():
        resource = DRAFT4.create_resource(schema)
        resources += [(schema.get("id", name), resource), (name, resource)]
        resources.append((f"https://opencontainers.org/schema/image/{name}", resource))
        resources.append((f"https://opencontainers.org/schema/{name}", resource))
    registry: Registry[Any] = Registry().with_resources(resources)
    made = image(platform, ImageSpec(entrypoint=("a",), cmd=("b",), ports=(1,), healthcheck=("c",)))
    documents = {
        "config-schema.json": made.config,
        "image-manifest-schema.json": made.manifest.body,
        "image-index-schema.json": image_index([made]).body,
    }
    for name, body in documents.items():
        validator = Draft4Validator(schemas[name], registry=registry)
        validator.validate(json.loads(body))
        broken = {**json.loads(body), "schemaVersion": "2", "rootfs": 1}
        assert not validator.is_valid(broken)
