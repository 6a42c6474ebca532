"""Destinations are told what became of a task: step 12 of `docs/architecture.md`."""
