"""Models and their releases: pushed, proven, found, shown, deleted."""
