"""From a lock and rendered text to an image."""
