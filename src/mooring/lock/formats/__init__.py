"""One module for each lock file format."""
