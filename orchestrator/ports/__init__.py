"""The outside as this service sees it: one small Protocol per role, and what each promises."""
