#!/bin/sh
# What the linker really put into the release programs.
# usage: tools/check-hardening.sh PROGRAM...
set -eu

[ $# -gt 0 ] || { echo 'usage: tools/check-hardening.sh PROGRAM...' >&2; exit 2; }
failed=0

# want PROGRAM WHAT PATTERN: the pattern is in the report
want()
{
    grep -qE "$3" "$report" || { echo "hardening: $1: no $2" >&2; failed=1; }
}

refuse()
{
    if grep -qE "$3" "$report"; then
        echo "hardening: $1: $2" >&2
        failed=1
    fi
}

report=$(mktemp)
trap 'rm -f "$report"' EXIT
for program in "$@"; do
    readelf --wide --file-header --program-headers --dynamic --dyn-syms "$program" >"$report"
    want "$program" 'position independence' 'Type:[[:space:]]+DYN'
    want "$program" 'PIE flag' 'FLAGS_1.*PIE'
    want "$program" 'RELRO segment' 'GNU_RELRO'
    want "$program" 'immediate binding' 'FLAGS_1.*NOW|BIND_NOW'
    want "$program" 'GNU_STACK header' 'GNU_STACK'
    want "$program" 'stack protector' '__stack_chk_fail'
    want "$program" 'fortified function' '__[a-z]+_chk(@|$)'
    refuse "$program" 'executable stack' 'GNU_STACK.* RWE '
    refuse "$program" 'segment both writable and executable' 'LOAD.* RWE '
    refuse "$program" 'text relocations' 'TEXTREL'
    refuse "$program" 'a library search path of its own' 'RPATH|RUNPATH'
done
[ "$failed" -eq 0 ] || exit 1
echo 'hardening: fine'
