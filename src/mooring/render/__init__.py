"""From the lock to text: Dockerfile, .dockerignore, environment.yml."""
