"""Reports: one set of findings, told in several forms."""
