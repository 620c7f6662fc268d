#!/bin/sh
# The architecture, checked: a folder includes and calls only the folders before it.
# usage: tools/check-layers.sh OBJDIR     (OBJDIR holds the compiled tree: OBJDIR/base/err.o ...)
set -eu

objdir=${1:?usage: tools/check-layers.sh OBJDIR}
layers='base registry keys trust evidence policy engine'
programs='sign verify webhook'
failed=0

complain()
{
    printf 'layers: %s\n' "$1" >&2
    failed=1
}

# The folders that FOLDER may not use: those after it; of the programs every other one.
forbidden()
{
    after=
    seen=
    for folder in $layers; do
        [ -z "$seen" ] || after="$after $folder"
        [ "$folder" != "$1" ] || seen=yes
    done
    for folder in $programs; do
        [ "$folder" = "$1" ] || after="$after $folder"
    done
    case " $programs " in
    *" $1 "*) after=$(for folder in $programs; do [ "$folder" = "$1" ] || echo "$folder"; done) ;;
    esac
    echo "$after"
}

sources_of()
{
    find "$1" -name '*.[ch]' 2>/dev/null | sort
}

directive='^[[:space:]]*#[[:space:]]*include[[:space:]]*'

# (a) what the text includes
check_includes()
{
    for file in $(sources_of "$1"); do
        for later in $(forbidden "$1"); do
            hits=$(grep -nE "${directive}[\"<](\.\./)*$later/" "$file") || continue
            complain "$file includes $later/, which $1/ may not use: $hits"
        done
        if grep -qE "$directive\"([^/\"]+\"|\.)" "$file"; then
            complain "$file includes a header without its folder, which hides the layer"
        fi
    done
}

# (b) what the objects call, declared in a header or not
symbols()
{
    find "$objdir/$1" -name '*.o' 2>/dev/null | sort | xargs -r nm "$2" 2>/dev/null |
        awk -v kind="$3" 'NF >= 2 && $(NF - 1) ~ kind { print $NF }' | sort -u
}

check_calls()
{
    symbols "$1" --undefined-only '^[Uwv]$' >"$work/used"
    for later in $(forbidden "$1"); do
        # Every program has its own main; nobody calls it.
        symbols "$later" --defined-only '^[TDBRVWC]$' | grep -vx main >"$work/defined" || true
        for symbol in $(comm -12 "$work/used" "$work/defined"); do
            complain "$1/ calls $symbol, which $later/ defines"
        done
    done
}

# (c) where a foreign library may be met: HEADER, then the files (shell patterns). The table of
# the design document, in its order.
foreign_allowed()
{
    case $1 in
    jansson.h) echo 'base/json.c' ;;
    yaml.h) echo 'base/yaml.c' ;;
    curl/*) echo 'base/http*.[ch]' ;;
    sodium.h | sodium/*) echo 'base/secret.c base/text.c base/json_scan.c keys/*.c' ;;
    openssl/*) echo 'base/hash.c base/http*.c keys/*.[ch] trust/*.c' ;;
    microhttpd.h) echo 'webhook/server.c' ;;
    gnutls/*) echo 'webhook/tls.c' ;;
    *) return 1 ;;
    esac
}

matches_any()
{
    file=$1
    shift
    for pattern in "$@"; do
        # shellcheck disable=SC2254 # a pattern is meant
        case $file in $pattern) return 0 ;; esac
    done
    return 1
}

check_foreign()
{
    set -f # the patterns are for case, not for the file system
    for file in $(sources_of "$1"); do
        for header in $(sed -nE "s/$directive<([^>]+)>.*/\1/p" "$file"); do
            patterns=$(foreign_allowed "$header") || continue
            # shellcheck disable=SC2086 # the patterns are words
            matches_any "$file" $patterns ||
                complain "$file includes <$header>, which belongs in $patterns"
        done
    done
    set +f
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
find "$objdir" -name '*.o' 2>/dev/null | grep -q . || complain "no objects under $objdir"
for layer in $layers $programs; do
    check_includes "$layer"
    check_calls "$layer"
    check_foreign "$layer"
done
[ "$failed" -eq 0 ] || exit 1
echo 'layers: fine'
