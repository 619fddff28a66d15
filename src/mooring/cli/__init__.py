"""The terminal: one file a verb, the only place that knows click."""
