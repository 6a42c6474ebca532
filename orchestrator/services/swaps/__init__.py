"""Another release takes the place of the one that serves, step by step, or goes back (ADR 0048)."""
