"""From a lock and an environment to findings."""
