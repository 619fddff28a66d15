"""From the manifest to the lock."""
