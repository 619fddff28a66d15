"""The embedded builder: locked artifacts become an OCI image without an engine or root."""
