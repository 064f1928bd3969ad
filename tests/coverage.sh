#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# coverage.sh [REGEX] - which lines and branches the tests run (those whose names match REGEX; all),
# as a table: of the parts that lose records where they are wrong, of each folder, and of everything.
#
# What the build made by itself (proto/) and the tests are not counted.  build/coverage/report/ has
# every line, as pages.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
packaging/prepare.sh build test coverage
build=build/coverage
mkdir -p "$build"
{ cmake --preset coverage && cmake --build "$build"; } >"$build/build.log" 2>&1 || {
	echo "the build failed; all of it is in $build/build.log" >&2
	exit 1
}
find "$build" -name '*.gcda' -delete
ctest --test-dir "$build" -j"$(nproc)" -R "${1:-.}" -E '^(docs|style)\.' --output-on-failure >"$build/test.log" 2>&1 \
	|| echo "some tests failed; see $build/test.log" >&2

# Branches of a REQUIRE that never fails, and of a switch over all there is, are no gaps.
gcovr --root "$top" --object-directory "$build" --json "$build/coverage.json" \
	--exclude 'build/' --exclude 'tests/' --exclude 'bench/' \
	--exclude-branches-by-pattern '.*REQUIRE\(.*' --gcov-ignore-parse-errors \
	"$build" >"$build/gcovr.log" 2>&1

percent() { # NAME FILTER...
	local name=$1 filter=()
	shift
	for one in "$@"; do filter+=(--filter "$one"); done
	gcovr --root "$top" --add-tracefile "$build/coverage.json" "${filter[@]}" --json-summary 2>/dev/null \
		| python3 -c 'import json, sys
s = json.load(sys.stdin)
print("{:<12} {:>6} / {:<6} {:5.1f} %   {:>6} / {:<6} {:5.1f} %".format(sys.argv[1],
      s["line_covered"], s["line_total"], s["line_percent"] or 0,
      s["branch_covered"], s["branch_total"], s["branch_percent"] or 0))' "$name"
}

printf '%-12s %-24s  %s\n' part lines branches
percent link core/link.c core/credit.c core/dialler.c core/acceptor.c
percent spool core/spool/
percent kv core/kv/
percent admission brokers/admission.c brokers/member_list.c brokers/enrolment.c brokers/front/ core/zap.c
for folder in core brokers collectors processors sinks console; do percent "$folder/" "$folder/"; done
percent all ''
mkdir -p "$build/report"
gcovr --root "$top" --add-tracefile "$build/coverage.json" --html-details "$build/report/index.html" >/dev/null 2>&1
