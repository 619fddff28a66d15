"""Bases assembled from locked packages of a Linux distribution; nothing of them is executed."""
