#!/bin/bash
# verify audit of many signed images on one loopback docker-registry, beside `cosign verify` of some of them in a loop, in one run.
#
#   tests/bench/audit.sh [IMAGES [COSIGN_IMAGES]]      2000 and 40 when not given
# shellcheck source-path=SCRIPTDIR source=../integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"

images=${1:-2000}
few=${2:-40}
"$here/counterparts.sh"
"${CC:-gcc}" -O2 -o "$T/launch" "$root/tests/bench/launch.c"
start_registry bench plain
quietly "$sign" generate-key-pair --output-key-prefix "$T/key"

# measure NAME N CMD...: CPU and wall time for each of N images; leaves the CPU in $each (microseconds).
measure()
{
    local name=$1 n=$2
    shift 2
    "$T/launch" "$T/result" "$@" >"$T/stdout" 2>"$T/stderr" </dev/null || true
    read -r wall cpu memory code <"$T/result"
    [ "$code" -eq 0 ] || { echo "failed: $*" >&2; tail -n 3 "$T/stderr" >&2; exit 1; }
    each=$((cpu / n))
    awk -v name="$name" -v n="$n" -v wall="$wall" -v cpu="$cpu" -v memory="$memory" 'BEGIN {
        printf "%-28s %6d images  %8.3f ms of CPU each  %8.1f ms of wall time in all  %6.1f MiB\n", name, n, cpu / n / 1000, wall / 1000, memory / 1024 }'
}

# shellcheck disable=SC2016 # for the inner shell
loop='for image in $(cat "$1"); do cosign3 verify --insecure-ignore-tlog=true --allow-http-registry --key "$2" "$image" || exit 1; done'
for form in bundle legacy; do
    python3 "$root/tests/bench/many.py" "$registry" "many/$form" "$images" >"$T/list"
    head -n "$few" "$T/list" >"$T/few"
    # Several at once: a signer waits a while on a registry without the referrers API, to see that nobody else overwrote the list.
    LIMIT=1200 quietly xargs -a "$T/list" -P 8 -n 50 "$sign" --key "$T/key.key" --format "$form" --allow-http-registry
    measure "verify audit, $form" "$images" "$verify" audit -f "$T/list" --key "$T/key.pub" --allow-http-registry
    mine=$each
    measure "cosign 3 in a loop, $form" "$few" bash -c "$loop" - "$T/few" "$T/key.pub"
    awk -v mine="$mine" -v theirs="$each" -v form="$form" 'BEGIN {
        printf "%s: 1/%.0f of the CPU of cosign 3 for each image (aim: at most 1/50)\n", form, theirs / mine }'
done
