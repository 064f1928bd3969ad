#!/usr/bin/env bash
# run.sh - builds what is shipped and measures it: throughput beside its ceiling, and the agent.
# The generator that it measures with is a tool of the tests, so this has a build of its own.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
"$top/packaging/prepare.sh" build test
cmake -S "$top" -B "$top/build/bench" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
exec cmake --build "$top/build/bench" --target bench
