"""Byte code for an image, compiled by a Python of exactly its version."""
