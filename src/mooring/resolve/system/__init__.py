"""System packages: apt resolves them, Mooring locks them."""
