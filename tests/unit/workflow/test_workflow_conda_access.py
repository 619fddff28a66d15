"""Who asks a channel: the environment first, then the channel's URL."""

from __future__ import annotations

from mooring.manifest.conda import CondaChannel
from mooring.workflow.conda_access import channel_credentials, with_credentials

PLAIN = CondaChannel(name="team", url="https://conda.example.org:8443/team")
INSIDE = CondaChannel(name="own", url="https://me:p%40ss@own.example.org/own")
NAMED = CondaChannel(name="conda-forge", url="conda-forge")
ALL = (PLAIN, INSIDE, NAMED)
VARIABLES = {
    "MOORING_CONDA_TEAM_USERNAME": "u",
    "MOORING_CONDA_TEAM_PASSWORD": "p/w:d@",
    "MOORING_CONDA_CONDA_FORGE_USERNAME": "nobody",
}


def test_the_environment_goes_into_urls() -> None:
    assert with_credentials(ALL, {}) == ALL
    team, own, named = with_credentials(ALL, VARIABLES)
    assert team.url == "https://u:p%2Fw%3Ad%40@conda.example.org:8443/team"
    assert (own, named) == (INSIDE, NAMED)
    [again] = with_credentials([INSIDE], {"MOORING_CONDA_OWN_PASSWORD": "x"})
    assert again.url == "https://:x@own.example.org/own"


def test_by_origin_for_builds() -> None:
    assert channel_credentials(ALL, {}) == {"https://own.example.org": ("me", "p%40ss")}
    assert channel_credentials(ALL, VARIABLES) == {
        "https://conda.example.org:8443": ("u", "p/w:d@"),
        "https://own.example.org": ("me", "p%40ss"),
    }
