"""The images that are built upon: where they come from, and what is in them."""
