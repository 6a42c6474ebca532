"""One outside system a package or file; foreign errors become ours here. Only `wiring` may import these."""
