#!/bin/bash
# Runs the integration tests: run.sh [FILTER] runs those t_*.sh whose name contains FILTER. Ends with 'N passed, N failed'.
# TESTS names another folder of such files.
set -u

here=$(cd "$(dirname "$0")" && pwd)
filter=${1:-}
passed=0
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

"$here/counterparts.sh" || echo 'some counterparts are missing: their tests fail'
for file in "${TESTS:-$here}"/t_*.sh; do
    case $(basename "$file") in
    *"$filter"*) ;;
    *) continue ;;
    esac
    echo "== $(basename "$file")"
    start=$SECONDS
    bash "$file" 2>&1 | tee "$log"
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1)
    if [ -z "$line" ]; then
        echo "not ok $(basename "$file") (ended before its end)"
        line="$(grep -c '^ok ' "$log") passed, $(($(grep -c '^not ok ' "$log") + 1)) failed"
    fi
    read -r p _ f _ <<<"$line"
    passed=$((passed + p))
    failed=$((failed + f))
    echo "== $(basename "$file"): $((SECONDS - start)) s"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
