"""The warden: the parent of one tritonserver, who alone may touch its files, its memory and its life (ADR 0046).

Nothing but Python's own library, from 3.10 on: it runs in .venv-triton and in NVIDIA's container alike.
"""
