"""One reader for each kind of file that declares requirements."""
