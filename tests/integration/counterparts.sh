#!/bin/bash
# Brings the independent programs that the integration tests run against into build/counterparts/bin.
#
#   tests/integration/counterparts.sh         brings them
#   tests/integration/counterparts.sh --go    prints the path of a Go that is new enough, which is brought when there is none
#
# Debian 12's own skopeo has Sigstore patched out and its archive has no cosign, so the programs come from Debian's newer suites,
# unpacked beside the system: a private apt configuration, `apt-get download`, `dpkg -x`. The system's own package lists are not
# touched and nothing of the newer suites is installed. The registries with the referrers API and helm are built from Go modules;
# sigstore-js and what validates SARIF come by npm.
#
# What is there already is kept (a stamp per program), so a second run takes a moment. A program that cannot be had is reported and
# makes the exit code 1; the tests that need it then fail, they do not vanish.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
dir=${COUNTERPARTS:-$root/build/counterparts}
failed=0

# Name, suite, the Debian package's version. Another version in the suite is taken, and said.
pins='
cosign       sid    3.1.1
cosign       trixie 2.5.0
notation     sid    1.3.2
oras         sid    1.3.3
crane        sid    0.20.7
skopeo       trixie 1.18.0
golang-1.26  sid    1.26
'
helm_version=v4.3.1

say()
{
    printf '%s\n' "$*" >&2
}

# The first archive that the system's own sources name; a mirror's name is never written down here.
mirror()
{
    {
        cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed -n 's/^URIs:[[:space:]]*//p' | tr ' ' '\n'
        cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
            sed -nE 's/^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+).*/\2/p'
    } | grep -E '/debian/?$' | head -n 1
}

# The options that make apt work on lists, state and cache of our own, for one suite.
apt_options()
{
    local a=$dir/apt/$1
    printf '%s\n' -o "Dir::Etc::sourcelist=$a/sources.list" -o "Dir::Etc::sourceparts=$a/none" \
        -o "Dir::Etc::preferencesparts=$a/none" -o "Dir::State=$a/state" -o "Dir::State::lists=$a/lists" \
        -o "Dir::State::status=$a/status" -o "Dir::Cache=$a/cache" -o APT::Sandbox::User=root \
        -o APT::Get::List-Cleanup=false -o Acquire::Languages=none -o Acquire::Retries=3
}

open_suite()
{
    local a=$dir/apt/$1 uri options
    [ -e "$a/open" ] && return 0
    uri=$(mirror)
    [ -n "$uri" ] || { say "counterparts: no Debian archive in the system's sources"; return 1; }
    mkdir -p "$a/none" "$a/state" "$a/lists/partial" "$a/cache/archives/partial"
    cp /var/lib/dpkg/status "$a/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $1 main" >"$a/sources.list"
    mapfile -t options < <(apt_options "$1")
    apt-get "${options[@]}" -q update >"$a/update.log" 2>&1 || { say "counterparts: no list of $1"; tail -n 3 "$a/update.log" >&2; return 1; }
    touch "$a/open"
}

# fetch SUITE FOLDER PACKAGE...: unpacks the packages into FOLDER.
fetch()
{
    local suite=$1 into=$2 options work
    shift 2
    open_suite "$suite" || return 1
    mapfile -t options < <(apt_options "$suite")
    work=$(mktemp -d "$dir/fetch.XXXXXX")
    if ! (cd "$work" && apt-get "${options[@]}" -q download "$@" >log 2>&1); then
        tail -n 3 "$work/log" >&2
        rm -rf "$work"
        return 1
    fi
    mkdir -p "$into"
    for package in "$work"/*.deb; do
        dpkg -x "$package" "$into"
        dpkg-deb -f "$package" Package Version | tr '\n' ' ' >>"$into/versions"
        echo >>"$into/versions"
    done
    rm -rf "$work"
}

# got NAME FOLDER PACKAGE WANTED: says so when the suite has moved on.
compare()
{
    local got
    got=$(sed -n "s/^Package: $3 Version: \([^ ]*\).*/\1/p" "$2/versions" | tail -n 1)
    case $got in
    "$4"*) ;;
    *) say "$1: wanted $4, got $got" ;;
    esac
}

pin()
{
    awk -v name="$1" -v suite="$2" '$1 == name && $2 == suite { print $3 }' <<<"$pins"
}

# program NAME PACKAGE SUITE PATH: one self-contained program of a newer suite.
program()
{
    local at=$dir/pkg/$1
    [ -x "$dir/bin/$1" ] && [ -e "$at/done" ] && return 0
    rm -rf "$at"
    if fetch "$3" "$at" "$2" && [ -x "$at/$4" ]; then
        compare "$1" "$at" "$2" "$(pin "$2" "$3")"
        ln -sf "$at/$4" "$dir/bin/$1"
        touch "$at/done"
    else
        say "counterparts: $1 cannot be had"
        failed=1
    fi
}

# skopeo 1.18 needs trixie's C library: it is run through that suite's own loader, with that suite's libraries only.
skopeo()
{
    local at=$dir/pkg/skopeo118 loader
    [ -x "$dir/bin/skopeo118" ] && [ -e "$at/done" ] && return 0
    rm -rf "$at"
    if ! fetch trixie "$at" skopeo libc6 libgpgme11t64 libassuan9 libgpg-error0 libsubid5 libsqlite3-0; then
        say 'counterparts: skopeo118 cannot be had'
        failed=1
        return 0
    fi
    compare skopeo118 "$at" skopeo "$(pin skopeo trixie)"
    loader=$(find "$at/usr/lib" "$at/usr/lib64" -maxdepth 1 -name 'ld-linux-*.so.*' 2>/dev/null | head -n 1)
    cat >"$dir/bin/skopeo118" <<END
#!/bin/sh
exec '$loader' --library-path '$(dirname "$(find "$at/usr/lib" -name libc.so.6 | head -n 1)")' '$at/usr/bin/skopeo' "\$@"
END
    chmod +x "$dir/bin/skopeo118"
    touch "$at/done"
}

# A Go new enough for the modules: the machine's own, or sid's unpacked beside it.
go_program()
{
    local go
    for go in "$(command -v go || true)" /usr/local/go/bin/go "$dir/pkg/golang/usr/lib/go-1.26/bin/go"; do
        if [ -x "$go" ] && "$go" version 2>/dev/null | grep -qE 'go1\.(2[6-9]|[3-9][0-9])'; then
            echo "$go"
            return 0
        fi
    done
    fetch sid "$dir/pkg/golang" golang-1.26-go golang-1.26-src || return 1
    # Debian's Go finds its sources through links that point into /usr/share of the system.
    find "$dir/pkg/golang/usr/lib/go-1.26" -maxdepth 1 -type l | while read -r link; do
        ln -sfn "$dir/pkg/golang/usr/share/go-1.26/$(basename "$link")" "$link"
    done
    echo "$dir/pkg/golang/usr/lib/go-1.26/bin/go"
}

goregistry()
{
    local go
    [ "$dir/bin/goregistry" -nt "$here/goregistry/main.go" ] && [ "$dir/bin/goregistry" -nt "$here/goregistry/go.mod" ] && return 0
    if go=$(go_program) && (cd "$here/goregistry" && GOFLAGS=-mod=readonly GOTOOLCHAIN=local CGO_ENABLED=0 "$go" build -trimpath -o "$dir/bin/goregistry" .); then
        return 0
    fi
    say 'counterparts: goregistry cannot be built'
    failed=1
}

# With the dependencies that its own go.mod pins. Minutes the first time, so it leaves the processors to others.
helm()
{
    local go at=$dir/pkg/helm-$helm_version
    [ -x "$dir/bin/helm" ] && [ -e "$at" ] && return 0
    if go=$(go_program) && GOBIN=$dir/bin GOFLAGS=-trimpath GOTOOLCHAIN=local CGO_ENABLED=0 nice -n 10 "$go" install \
        -ldflags "-s -w -X helm.sh/helm/v4/internal/version.version=$helm_version" "helm.sh/helm/v4/cmd/helm@$helm_version" >"$dir/helm.log" 2>&1; then
        touch "$at"
        return 0
    fi
    say "counterparts: helm $helm_version cannot be built"
    tail -n 3 "$dir/helm.log" >&2
    failed=1
}

# sigstore-js, and the schema of SARIF with a validator, by npm at the versions of the lock file; their programs are js/sigstore.js and
# js/sarif.js.
sigstore_js()
{
    local at=$dir/pkg/sigstore-js
    if [ ! -e "$at/done" ] || ! cmp -s "$here/js/package-lock.json" "$at/package-lock.json"; then
        rm -rf "$at"
        mkdir -p "$at"
        cp "$here/js/package.json" "$here/js/package-lock.json" "$at"
        if ! (cd "$at" && npm ci --omit=optional --ignore-scripts --no-audit --no-fund >log 2>&1); then
            say 'counterparts: sigstore-js cannot be had'
            tail -n 3 "$at/log" >&2
            failed=1
            return 0
        fi
        touch "$at/done"
    fi
    node_program sigstore-js "$here/js/sigstore.js" "$at"
    node_program sarif-check "$here/js/sarif.js" "$at"
}

# node_program NAME SCRIPT FOLDER: the script with the modules of the folder.
node_program()
{
    cat >"$dir/bin/$1" <<END
#!/bin/sh
NODE_PATH='$3/node_modules' exec node '$2' "\$@"
END
    chmod +x "$dir/bin/$1"
}

# What Debian 12 itself has. Installed as root; others are told what to type.
system_packages()
{
    local need='' pair
    for pair in docker-registry:docker-registry htpasswd:apache2-utils python3:python3 openssl:openssl jq:jq curl:curl node:nodejs npm:npm umoci:umoci promtool:prometheus; do
        command -v "${pair%%:*}" >/dev/null || need="$need ${pair#*:}"
    done
    python3 -c 'import yaml' 2>/dev/null || need="$need python3-yaml"
    [ -z "$need" ] && return 0
    if [ "$(id -u)" -ne 0 ]; then
        say "counterparts: missing programs; as root: apt-get install -y --no-install-recommends$need"
        failed=1
        return 0
    fi
    # shellcheck disable=SC2086 # a list of words
    { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $need; } >"$dir/apt.log" 2>&1 ||
        { say "counterparts: cannot install$need"; tail -n 3 "$dir/apt.log" >&2; failed=1; }
}

mkdir -p "$dir/bin" "$dir/pkg"
if [ "${1:-}" = --go ]; then
    go_program
    exit
fi
system_packages
program cosign3 cosign sid usr/bin/cosign
program cosign2 cosign trixie usr/bin/cosign
program notation notation sid usr/bin/notation
program oras oras sid usr/bin/oras
program crane crane sid usr/bin/crane
skopeo
goregistry
helm
sigstore_js
exit "$failed"
