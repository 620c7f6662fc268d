#!/bin/sh
# The last line of `make test`: how many tests passed, from the logs of the test programs.
# usage: tools/summary.sh STATUS PROGRAM...     (STATUS: what `make check` returned)
# Counted: each test of a cmocka program, each fuzz target (its corpus replayed). A program that
# did not come to its own summary - not built, crashed, killed - is one failure.
set -eu

status=$1
shift
passed=0
failed=0

# cmocka: "[  PASSED  ] 12 test(s)." and "[  FAILED  ] group: 2 test(s), listed below:"
cmocka()
{
    sed -nE "s/^\[  $2  \] ([^ ]*: )?([0-9]+) test\(s\).*/\2/p" "$1" |
        awk '{ sum += $1 } END { print sum + 0 }'
}

for program in "$@"; do
    log=$program.log
    good=0
    bad=0
    if [ -f "$log" ]; then
        case $program in
        */fuzz_*) if [ -f "$program.ok" ]; then good=1; fi ;;
        *)
            good=$(cmocka "$log" PASSED)
            bad=$(cmocka "$log" FAILED)
            ;;
        esac
    fi
    if [ ! -f "$program.ok" ] && [ "$bad" -eq 0 ]; then
        bad=1
    fi
    if [ "$bad" -gt 0 ]; then
        echo "failed: $program" >&2
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
done
# What is not a test may fail too: the programs themselves did not build.
if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
    failed=1
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
