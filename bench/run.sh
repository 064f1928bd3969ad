#!/usr/bin/env bash
# run.sh - builds what is shipped and measures it: throughput beside its ceiling, and the agent.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
cmake --preset release >/dev/null
exec cmake --build build/release --target bench
