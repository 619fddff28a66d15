"""The second resolver: pip-tools, for the platform and the Python that run Mooring."""

from mooring.resolve.pip_tools.resolver import PipToolsResolver

__all__ = ["PipToolsResolver"]
