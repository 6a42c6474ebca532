"""Labels of metrics whose values others choose."""


class BoundedLabels:
    """Names of projects or pools as labels: the first ``most`` have series of their own, the others share `other`."""

    def __init__(self, most: int = 100) -> None:
        self._most = most
        self._named: set[str] = set()

    def __call__(self, name: str) -> str:
        if name not in self._named and len(self._named) < self._most:
            self._named.add(name)
        return name if name in self._named else "other"
