"""Collectors: what is really there, read without disturbing it."""
