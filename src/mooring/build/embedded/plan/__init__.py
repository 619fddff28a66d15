"""What goes into which layer."""
