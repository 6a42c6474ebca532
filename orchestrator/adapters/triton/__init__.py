"""NVIDIA Triton over gRPC: inference, model control, and what its status codes mean to us."""
