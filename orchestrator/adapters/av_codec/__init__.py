"""PyAV behind `MediaCodec`: `codec` asks, `decoder` is the confined process that answers."""
