from __future__ import annotations

import urllib.request

import pytest
from tests.engines import DockerCli


@pytest.mark.engine
def test_the_engine_runs_the_base_image(docker_cli: DockerCli, base_image: str) -> None:
    code = "import ensurepip, sys; print(*sys.version_info[:2])"
    assert docker_cli.run("run", "--rm", base_image, "python3", "-c", code) == "3 11"


@pytest.mark.registry
def test_the_registry_is_empty_and_speaks_the_protocol(registry: str) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"http://{registry}/v2/_catalog", timeout=10) as reply:
        assert reply.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
