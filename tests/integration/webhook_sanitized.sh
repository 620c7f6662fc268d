#!/bin/bash
# t_webhook_faults.sh with the webhook built for the thread and the address sanitizer, with smaller loads; both at once, since most of the time
# is spent waiting. Any report of a sanitizer is a failure. Ends with 'N passed, N failed'.
#
#   webhook_sanitized.sh [MODE...]      tsan asan
set -u

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
trap 'exit 130' INT TERM
[ $# -gt 0 ] || set -- tsan asan
passed=0
failed=0

"$here/counterparts.sh" || echo 'some counterparts are missing: their tests fail'
make -s -C "$root" bin/sign bin/verify || exit 1
for mode; do
    make -s -j"$(nproc)" -C "$root" MODE="$mode" CC=clang WERROR=1 "build/$mode-clang/webhook.bin" || exit 1
done
running=()
for mode; do
    WEBHOOK=$root/build/$mode-clang/webhook.bin WEBHOOK_LOAD=small bash "$here/t_webhook_faults.sh" >"$logs/$mode" 2>&1 &
    running+=("$!")
done
wait "${running[@]}"
for mode; do
    echo "== $mode"
    cat "$logs/$mode"
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$logs/$mode" | tail -n 1)
    [ -n "$line" ] || line="$(grep -c '^ok ' "$logs/$mode") passed, $(($(grep -c '^not ok ' "$logs/$mode") + 1)) failed"
    read -r p _ f _ <<<"$line"
    passed=$((passed + p))
    failed=$((failed + f))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
