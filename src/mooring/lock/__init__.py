"""What is resolved: the lock, its selections, and the file formats it is read from and written to."""
