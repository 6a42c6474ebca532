"""The HTTP front door: thin, sync, and the only package that knows of FastAPI. See `docs/http.md`."""
