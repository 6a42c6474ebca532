"""A container-native GPU inference node: durable media tasks over REST, inference in NVIDIA Triton."""
