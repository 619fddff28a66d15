"""A small web service that greets people."""
