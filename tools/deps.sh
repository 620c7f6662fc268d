#!/bin/sh
# Installs the Debian packages that a group of targets needs and that are missing.
# usage: tools/deps.sh build|demo|test|fuzz|lint|integration|e2e...
# Silent, and a few milliseconds, when nothing is missing. Exit 2 when it cannot install.
set -eu

group()
{
    case $1 in
    build)
        echo gcc libc6-dev make pkg-config libssl-dev libsodium-dev libcurl4-openssl-dev \
            libjansson-dev libyaml-dev libmicrohttpd-dev libgnutls28-dev
        ;;
    demo) echo docker-registry openssl python3 ;;
    test) echo libcmocka-dev openssl docker-registry ;;
    fuzz) echo clang libclang-rt-dev ;;
    lint) echo binutils clang-format clang-tidy cppcheck shellcheck ;;
    integration)
        echo apache2-utils ca-certificates curl docker-registry golang-go iproute2 jq openssl prometheus \
            python3 python3-yaml umoci
        ;;
    e2e) echo curl docker-registry etcd-server jq openssl python3 ;;
    *)
        echo "deps: no group '$1'" >&2
        return 2
        ;;
    esac
}

wanted=
for name in "$@"; do
    packages=$(group "$name") || exit 2
    wanted="$wanted $packages"
done
[ -n "$wanted" ] || { echo 'usage: tools/deps.sh build|demo|test|fuzz|lint|integration|e2e...' >&2; exit 2; }

if ! command -v dpkg-query >/dev/null; then
    # Another distribution: its owner knows how the same libraries are called there.
    echo "deps: not Debian; these are needed:$wanted" >&2
    exit 0
fi

# A name that dpkg does not know is only an error line, so the answer is what is left of the list.
# shellcheck disable=SC2086 # the list is words
present=$(dpkg-query -W -f '${db:Status-Abbrev}${Package} ' $wanted 2>/dev/null) || true
missing=
for package in $wanted; do
    case " $present" in
    *" ii $package "*) ;;
    *) case " $missing " in *" $package "*) ;; *) missing="$missing $package" ;; esac ;;
    esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    printf 'deps: missing packages; run as root:\n  apt-get install%s\n' "$missing" >&2
    exit 2
fi
echo "deps: apt-get install --no-install-recommends$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # the list is words
{
    apt-get -qq update
    apt-get -qq -y --no-install-recommends install $missing
} </dev/null >/dev/null || {
    echo 'deps: apt-get failed' >&2
    exit 2
}
