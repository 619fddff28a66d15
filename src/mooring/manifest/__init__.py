"""What is declared: the manifest and the files it points at."""
