"""How each task type runs, in terms of ports only."""
