#!/bin/sh
# Builds the tree twice, in folders of different names, and compares the programs byte for byte.
# usage: tools/check-reproducible.sh WORKDIR PROGRAM...     (at the top of the source tree)
set -eu

work=${1:?usage: tools/check-reproducible.sh WORKDIR PROGRAM...}
shift
failed=0

rm -rf "$work"
for copy in "$work/a" "$work/another-place"; do
    mkdir -p "$copy"
    tar -cf - --exclude=./build --exclude=./bin --exclude=./.git . | tar -xf - -C "$copy"
    # What make was called with (a build folder above all) is not for the copies.
    (
        cd "$copy"
        unset MAKEFLAGS MAKEOVERRIDES MFLAGS MAKELEVEL O
        make -s -j"$(nproc)" all
    ) >"$copy.log" 2>&1 || {
        cat "$copy.log" >&2
        exit 1
    }
done
for program in "$@"; do
    cmp "$work/a/$program" "$work/another-place/$program" || failed=1
done
[ "$failed" -eq 0 ] || exit 1
rm -rf "$work"
echo 'reproducible: fine'
