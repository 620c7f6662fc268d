#!/bin/sh
# Lays out the root of the container image: the program, the libraries it loads, CA certificates, and the three files that the C
# library reads. Nothing else: no shell, no package manager. Dockerfile and image.sh both build from what this makes.
#
#   deploy/closure.sh PROGRAM ROOT
#
# ROOT must not exist. CA certificates are those of the ca-certificates package, not what was added to this machine.
# Everything is root's, nothing is writable, and every time is SOURCE_DATE_EPOCH (0 when unset): the same bytes from the same input.
set -eu
export LC_ALL=C
umask 022

program=${1:?usage: deploy/closure.sh PROGRAM ROOT}
root=${2:?usage: deploy/closure.sh PROGRAM ROOT}
authorities=/usr/share/ca-certificates/mozilla
user=65532

fail()
{
    echo "closure.sh: $*" >&2
    exit 1
}

[ -x "$program" ] || fail "no program at $program"
[ ! -e "$root" ] || fail "$root is there already"
[ -d "$authorities" ] || fail "no $authorities: install ca-certificates"

mkdir -p "$root/usr/bin" "$root/etc/ssl/certs"
# Where the build machine has one /usr, the image has one too: a library is found by either path.
for folder in lib lib64; do
    [ -L "/$folder" ] || continue
    mkdir "$root/usr/$folder"
    ln -s "usr/$folder" "$root/$folder"
done
install -m 555 "$program" "$root/usr/bin/"

# "NAME => PATH (ADDRESS)" and, of the loader, "PATH (ADDRESS)". The kernel's own page has no path.
list=$(env -u LD_LIBRARY_PATH -u LD_PRELOAD ldd "$program") || fail "ldd cannot read $program"
case $list in
*'not found'*) fail "libraries are missing: $list" ;;
esac
echo "$list" | awk '$2 == "=>" { print $3; next } $1 ~ /^\// { print $1 }' | sort -u | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    install -m 555 "$library" "$root$library"
done

find "$authorities" -name '*.crt' | sort | while read -r certificate; do
    cat "$certificate"
    tail -c 1 "$certificate" | grep -q . && echo
    :
done >"$root/etc/ssl/certs/ca-certificates.crt"
[ -s "$root/etc/ssl/certs/ca-certificates.crt" ] || fail "no certificate in $authorities"

echo "nonroot:x:$user:$user:nonroot:/:/sbin/nologin" >"$root/etc/passwd"
echo "nonroot:x:$user:" >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"

chmod 444 "$root"/etc/passwd "$root"/etc/group "$root"/etc/nsswitch.conf "$root"/etc/ssl/certs/*
find "$root" -type d -exec chmod 555 {} +
find "$root" -exec touch -h -d "@${SOURCE_DATE_EPOCH:-0}" {} +
