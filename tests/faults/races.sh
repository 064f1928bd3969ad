#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# races.sh BUILD - the parts that have threads, under the thread sanitizer: what it reports is a
# failure, and so is a test that does not pass.  BUILD is of the preset tsan; what libraries do
# without the sanitizer's knowledge is in tsan.supp, with the reason.
set -euo pipefail

build=$(cd "$1" && pwd)
top=$(cd "$(dirname "$0")/../.." && pwd)
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT
# A role asked twice to end leaves its threads to the system, on purpose.
export TSAN_OPTIONS="suppressions=$top/tests/faults/tsan.supp log_path=$reports/report history_size=7 report_thread_leaks=0 exitcode=0"
export FETTLE_SOURCE=$top FETTLE_BUILD=$build

tests=0 failed=0
run() { # NAME COMMAND...
	local name=$1
	shift
	tests=$((tests + 1))
	if ! "$@" >"$reports/output" 2>&1; then
		failed=$((failed + 1))
		echo "failed: $name"
		tail -20 "$reports/output"
	fi
}

for name in core.kv core.peers core.host_readers core.host core.spool brokers.log.operators console.console; do
	[ ! -x "$build/tests/unit.${name}_test" ] || run "$name" "$build/tests/unit.${name}_test"
done
# What takes ten times as long with the sanitizer does not come in its time: those cases are left out.
run 03_files python3 -B "$top/tests/pipeline/03_files.py" line finding
run 08_stopping python3 -B "$top/tests/pipeline/08_stopping.py" at_rest \
	by_an_interrupt twice
run 26_failover python3 -B "$top/tests/pipeline/26_failover.py"

races=$(cat "$reports"/report.* 2>/dev/null | grep -c '^WARNING: ThreadSanitizer' || true)
cat "$reports"/report.* 2>/dev/null | head -200 || true
echo "tests=$tests failed=$failed races=$races"
[ "$races" -eq 0 ] && [ "$failed" -eq 0 ]
