"""From the lock to an environment on disk."""
