"""One verb a file, themes as folders: a frozen dataclass of ports with one public method, a duty's is `tick()`."""
