"""The bytes behind a lock: fetched once, checked always."""
