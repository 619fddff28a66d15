"""Documents about an image: bills of materials, provenance, signatures."""
