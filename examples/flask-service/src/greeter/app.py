"""The application: one page, one health check, compressed when the extra is installed."""

import importlib.util
import os

from flask import Flask


def create_app() -> Flask:
    """Make the application; the greeting comes from the environment."""
    app = Flask("greeter")
    greeting = os.environ.get("GREETING", "Hello")
    if importlib.util.find_spec("flask_compress"):
        from flask_compress import Compress

        Compress(app)

    @app.get("/")
    def home() -> str:
        return f"{greeting}, world\n"

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return app
