"""Entries become layers: the same bytes on every machine, kept by what decided them."""
