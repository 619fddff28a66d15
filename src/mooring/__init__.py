"""Mooring keeps Python environments from drifting: declare, lock, render, build, verify."""

__version__ = "0.1.0"
