#!/bin/sh
# Starts the warden of NVIDIA's Triton in its container, with the flags of launch.py; more flags (which models to load) come
# as arguments. The stock models are read-only to Triton, what is pushed lies in a volume that only the warden writes to.
set -eu
# Letters, digits, '-', '_' and '.': Triton splits the flag at ':', ',' and '='. On the command line `ps` shows it, inside
# the container only.
case "${ORCH_TRITON__CONTROL_KEY:-}" in
    "" | *[!A-Za-z0-9._-]*)
        echo "serve.sh: ORCH_TRITON__CONTROL_KEY must hold one secret of letters, digits, '-', '_' and '.'" >&2
        exit 2
        ;;
esac
control="model-repository,model-config,shared-memory,trace,logging,statistics:orchestrator-control=${ORCH_TRITON__CONTROL_KEY}"
export PYTHONPATH=/opt/orchestrator
exec python3 -m warden --address=0.0.0.0:8003 --releases=/var/lib/triton -- tritonserver \
    --model-repository=/models \
    --model-repository=/var/lib/triton/models \
    --model-control-mode=explicit \
    --disable-auto-complete-config \
    --allow-metrics=true \
    --strict-readiness=true \
    "--grpc-restricted-protocol=${control}" \
    "--http-restricted-api=${control}" \
    --grpc-keepalive-permit-without-calls=1 \
    --grpc-http2-min-recv-ping-interval-without-data=10000 \
    --exit-timeout-secs=30 \
    --log-format=ISO8601 \
    "$@"
