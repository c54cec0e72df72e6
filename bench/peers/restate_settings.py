"""Where a client of Restate's turn asks."""

INGRESS = "PERDURE_BENCH_RESTATE_INGRESS"
