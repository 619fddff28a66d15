"""Images as data, and the registries they live in."""
