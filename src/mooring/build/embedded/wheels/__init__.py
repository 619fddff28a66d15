"""Wheels, read and refused; what an installed wheel is, path by path."""
