"""What tools put into an environment without listing it anywhere: no drift."""

from __future__ import annotations

import re

# Of virtualenv 20.0 to 21.15 and uv 0.1 to 0.8; later versions of uv need no patch.
VIRTUALENV_DIGESTS = frozenset(
    {
        "07584d2a5d13e0811eb567d78ed2aca0fb60e7defff59a01ca7a48d907bdea51",
        "0aeb86546345c1d0fada097536e35525714d5cdbcc2d8eb3f9912a955044fcff",
        "0f20351ea7e90039c46d3fabdef991f28b1e3ff33eb13ee6f0d5cd21ea0e8b14",
        "684b8c07932ba4a84ac2e5ae9afe49ef04e92bac3d8d4191d455cf09d093e5fc",
        "6cf30c56faf2a55228914dbbd17f8088ed371ebb08f5e7fa6fd931f913fcaf1d",
        "bec6155ff7bfc88f8e79e481f27fd7ee0a3b40eeca9bfeb41f4c4b997b2f8100",
        "c9199315871b11b12df226f890a38e66e63191e1adbfb11a66e6861151b33fca",
        "ce57d5e0d9b5d7356cb42da7450ba8f9359bdf693e335f4c921626943c77e64d",
        "e3db5fe06ab41ca9b95dd6463b83836787028a1b55562cc383803bb83001a45c",
        "ee52b2e2e720a40885a6b4b90c40e28e5c70e550af74d5efd169eaa5db2a6f6f",
    }
)
VIRTUALENV_MODULE = "_virtualenv.py"
VIRTUALENV_PTH = "_virtualenv.pth"
VIRTUALENV_PTH_TEXT = b"import _virtualenv"

HARMLESS = frozenset({"README.txt", "README", ".lock", "CACHEDIR.TAG", ".gitignore"})
"""Names directly in a package folder, none of which Python reads."""

INSTALLER_FILES = frozenset(
    {"INSTALLER", "REQUESTED", "direct_url.json", "uv_build.json", "uv_cache.json"}
)
"""Names in a metadata folder that installers write; what matters in them is compared itself."""

_PROGRAMS = re.compile(
    r"(?:activate(?:_this\.py|\.[a-z0-9]+)?|Activate\.ps1|deactivate\.[a-z]+|pydoc\.bat"
    r"|(?:python|pypy|𝜋thon)[0-9.]*t?w?)"
)


def is_own_program(name: str) -> bool:
    """Whether a virtual environment has a file of this name in `bin` from its beginning."""
    return _PROGRAMS.fullmatch(name) is not None
