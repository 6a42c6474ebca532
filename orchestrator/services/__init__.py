"""One verb a file: a frozen dataclass of ports with one public method."""
