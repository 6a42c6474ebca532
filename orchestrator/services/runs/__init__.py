"""One run of one task, from the pulse that claims it to its ending: steps 5 to 11 of `docs/architecture.md`."""
