#!/bin/sh
# Banned functions, found in the symbol table (which sees through macros and fortified forms), and
# in the text what leaves no symbol: goto, alloca, and memcmp, whose uses are counted one by one.
# usage: tools/check-banned.sh OBJECT|ARCHIVE...
set -eu

[ $# -gt 0 ] || { echo 'usage: tools/check-banned.sh OBJECT|ARCHIVE...' >&2; exit 2; }
here=$(dirname "$0")
failed=0

banned='strcpy strcat strncpy strncat sprintf vsprintf strtok gets scanf fscanf sscanf vscanf
vfscanf vsscanf wscanf fwscanf swscanf atoi atol atoll strtol localtime gmtime ctime asctime tmpnam
tempnam mktemp system popen alloca'

complain()
{
    printf 'banned: %s\n' "$1" >&2
    failed=1
}

# __strcpy_chk -> strcpy, __isoc99_sscanf -> sscanf, gets@GLIBC_2.2.5 -> gets
listing=$(nm -A --undefined-only "$@")
used=$(echo "$listing" | awk '{ name = $NF; sub(/@.*/, "", name); sub(/^__isoc[0-9]+_/, "", name)
    if (name ~ /^__.*_chk$/) { sub(/^__/, "", name); sub(/_chk$/, "", name) }
    where = $1; sub(/:$/, "", where); print name, where }' | sort -u)
for name in $banned; do
    for where in $(echo "$used" | awk -v name="$name" '$1 == name { print $2 }'); do
        complain "$where calls $name"
    done
done

# Comments and literals may say these words; what is left after them is code.
code_of()
{
    gcc -fpreprocessed -dD -E -P "$1" 2>/dev/null | sed -E 's/"([^"\\]|\\.)*"/""/g'
}

for file in $(find base registry keys trust evidence policy engine sign verify webhook \
    -name '*.[ch]' 2>/dev/null | sort); do
    code=$(code_of "$file")
    if echo "$code" | grep -qwE 'goto|alloca'; then
        complain "$file uses goto or alloca"
    fi
    found=$(echo "$code" | grep -owE 'memcmp|bcmp' | wc -l)
    listed=$(awk -v file="$file" '!/^#/ && $1 == file { print $2 }' "$here/memcmp.allowed")
    [ "$found" -eq "${listed:-0}" ] ||
        complain "$file uses memcmp $found times, tools/memcmp.allowed says ${listed:-0}"
done
for file in $(awk '!/^#/ && NF { print $1 }' "$here/memcmp.allowed"); do
    [ -f "$file" ] || complain "tools/memcmp.allowed names $file, which is gone"
done
[ "$failed" -eq 0 ] || exit 1
echo 'banned: fine'
