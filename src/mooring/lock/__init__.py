"""What is resolved: the lock, its selections, and the file formats of locks."""
