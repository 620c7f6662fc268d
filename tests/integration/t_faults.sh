#!/bin/bash
# Registries that misbehave: faultregistry.py serves an image signed by cosign 3 and does one thing wrong. Whatever it does, the answer is
# "allowed" (the fault is harmless or mended by trying again), or "could not be found out" with its reason, exit 3, within the deadline -
# never "allowed" on less than a proof, and never "not signed" because something failed. Without a fault the same images are accepted.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

foreign_key key p256
foreign_key stranger p256
pub=$T/key.pub

signed_layouts
for form in bundle legacy; do
    declare "digest_$form=$(cut -d ' ' -f 1 "$T/$form.digest")"
done

start_fault()
{
    server "$1" python3 "$here/faultregistry.py" --addr-file "$T/$1.addr" ${2:+--other "$2"} "bundle=$T/bundle" "legacy=$T/legacy"
    wait_for 10 test -s "$T/$1.addr" || no_server "$1"
    registry=$(cat "$T/$1.addr")
}
start_fault elsewhere
elsewhere=$registry
start_fault fault "$elsewhere"

# image_of LAYOUT/FAULT/WHERE: by digest; by tag where the fault is in the image's own manifest, so that it must be fetched.
image_of()
{
    local digest=digest_${1%%/*}
    case $1 in
    */image) echo "$registry/$1:v1" ;;
    *) echo "$registry/$1@${!digest}" ;;
    esac
}

# try EXIT REASON LAYOUT/FAULT/WHERE [SECONDS]: exit 0 with the digest, or another one with the reason, and no later than the deadline and a
# little more. What must succeed gets a deadline that a busy machine meets; what must fail a short one.
try()
{
    local want=$1 reason=$2 what=$3 seconds=${4:-} start digest=digest_${3%%/*}
    if [ "$want" -eq 0 ]; then
        reason=${!digest}
        seconds=${seconds:-10}
    fi
    seconds=${seconds:-1}
    start=$SECONDS
    says "$what: ${reason:0:40}" "$want" "$reason" -- "$verify" "$(image_of "$what")" --key "$pub" --allow-http-registry --timeout "${seconds}s"
    [ $((SECONDS - start)) -le $((seconds + 2)) ] || not_ok "$what: in time" "$((SECONDS - start)) s"
}

# The controls: nothing wrong, and something really missing.
for form in bundle legacy; do
    try 0 '' "$form/ok/all"
    says "$form: another key" 1 'wrong-signer|bad-signature' -- "$verify" "$(image_of "$form/ok/all")" --key "$T/stranger.pub" --allow-http-registry
    says "$form: an unsigned image" 1 'unsigned' -- "$verify" "$registry/$form/ok/all:other" --key "$pub" --allow-http-registry
done
check 'control: cosign 3 accepts from this registry' 0 '' '' -- cosign3_verify --key "$pub" "$(image_of bundle/ok/all)"
check 'control: cosign 3 accepts the legacy form' 0 '' '' -- cosign3_verify --key "$pub" "$(image_of legacy/ok/all)"

# Where a fault strikes: the image's manifest, the list or the .sig manifest, the manifest and the blob of the evidence.
# A fourth word is a deadline in seconds, for what is tried again until there are no tries left.
while read -r fault want reason seconds; do
    [ -n "$fault" ] || continue
    for place in bundle/image bundle/referrers bundle/evidence bundle/blob legacy/evidence legacy/blob; do
        try "$want" "$reason" "${place%/*}/$fault/${place#*/}" "$seconds"
    done
done <<'END'
reset                3 registry-unreachable
reset-once           0
reset-body           3 registry-unreachable|deadline
drip-10-20           0
drip-200-100         3 deadline
hang-header          3 deadline
hang-0               3 deadline
hang-1               3 deadline
hang-100             3 deadline
cut                  3 registry-unreachable|malformed
status-429-3600      3 rate-limited
status-429-once      0
status-429-x         3 rate-limited|deadline
status-500           3 registry-unreachable 10
status-502           3 registry-unreachable 10
status-503-once      0
status-503-3600      3 registry-unreachable
status-401           3 registry-auth
status-403           3 registry-auth
endless              3 too-large|malformed
endless-length       3 too-large|malformed
redirect-loop        3 too-large
redirect-file        3 registry-unreachable|malformed
END

# More than was said: the rest is no part of the answer, nor of the next one on the same connection.
for place in bundle/image bundle/evidence bundle/blob legacy/evidence legacy/blob; do
    try 0 '' "${place%/*}/more/${place#*/}"
done

# A redirect to another host is followed where a digest says what must come; a tag's is not, and a list's says that there is no list
# (registry.md 9.1, 4.2).
try 0 '' bundle/redirect-other/evidence
try 0 '' bundle/redirect-other/blob
try 0 '' legacy/redirect-other/blob
try 3 'malformed.*redirect' bundle/redirect-other/image
try 3 'malformed.*redirect' legacy/redirect-other/evidence
try 1 'unsigned' bundle/redirect-other/referrers

# Bytes that are not what was asked for. A list has no digest to be checked against.
for place in bundle/image bundle/evidence bundle/blob legacy/blob; do
    for fault in wrong-digest wrong-space wrong-short wrong-empty wrong-page; do
        try 3 'malformed' "${place%/*}/$fault/${place#*/}"
    done
done
for fault in wrong-digest wrong-short; do
    says "legacy/evidence: $fault proves nothing" 3 'malformed' -- \
        "$verify" "$(image_of "legacy/$fault/evidence")" --key "$pub" --allow-http-registry --timeout 2s
done
try 3 'malformed' bundle/wrong-short/referrers
try 3 'malformed' bundle/wrong-empty/referrers
try 3 'malformed' bundle/wrong-type/image
says 'a digest in the header that is not the body'"'"'s' 3 'malformed' -- \
    "$verify" "$registry/bundle/wrong-header/image:v1" --key "$pub" --allow-http-registry --timeout 2s

# 404 is an answer: no image; no list and no tag, so nothing hangs on it. An HTML page instead of a list says that there is no referrers API.
try 3 'not-found' bundle/status-404/image
says 'no referrers and no tags: unsigned' 1 'unsigned' -- "$verify" "$(image_of bundle/status-404/referrers)" --key "$pub" --allow-http-registry
says 'a list that names what is not there' 3 'not-found|malformed|registry' -- \
    "$verify" "$(image_of bundle/status-404/evidence)" --key "$pub" --allow-http-registry
try 0 '' legacy/status-404/referrers
try 0 '' legacy/wrong-page/referrers
try 0 '' legacy/status-500/referrers # the .sig tag alone proves it
says 'a registry that answers every list with an error, and no .sig' 3 'registry-unreachable' -- \
    "$verify" "$registry/bundle/status-500/referrers:other" --key "$pub" --allow-http-registry --timeout 2s

# Too much. 4 MiB is the ceiling of a manifest.
says 'a manifest of 4 MiB' 1 'unsigned' -- "$verify" "$registry/bundle/huge-4194304/image:v1" --key "$pub" --allow-http-registry --timeout 10s
says 'a manifest of one byte more' 3 'too-large' -- "$verify" "$registry/bundle/huge-4194305/image:v1" --key "$pub" --allow-http-registry --timeout 10s
try 3 'too-large' bundle/huge-4194305/referrers 10
try 3 'too-large|malformed' bundle/huge-134217729/blob 10

# Referrers. A thousand of another type stand ahead of the good one; of the same type 256 are looked into.
try 0 '' bundle/junk-1000/referrers
try 0 '' bundle/same-255/referrers 30
says 'bundle/same-256: one too many of the same type' 3 'too-large' -- \
    "$verify" "$(image_of bundle/same-256/referrers)" --key "$pub" --allow-http-registry --timeout 30s
try 0 '' legacy/same-1000/referrers 30 # proven by the .sig tag
try 0 '' bundle/listtype-config/referrers
try 0 '' bundle/listtype-none/referrers
try 0 '' bundle/pages-2/referrers
try 0 '' bundle/pages-16/referrers
try 3 'too-large' bundle/pages-17/referrers 10
try 3 'malformed.*same page' bundle/link-loop/referrers
says 'a list that never ends, for an unsigned image' 3 'too-large|malformed' -- \
    "$verify" "$registry/bundle/link-loop/referrers:other" --key "$pub" --allow-http-registry --timeout 5s
says 'a next page on another host, for an unsigned image' 3 'malformed|registry-unreachable' -- \
    "$verify" "$registry/bundle/link-other/referrers:other" --key "$pub" --allow-http-registry --timeout 5s

# A tag is resolved once: what it named then is what is judged, and what is printed.
try 0 '' bundle/wrong-head/image
check 'another answer to each HEAD' 0 "${digest_bundle:?}" '' -- "$verify" "$registry/bundle/wrong-head/image:v1" --key "$pub" --allow-http-registry
check 'a tag that moves after the first answer' 0 "${digest_bundle:?}" '' -- "$verify" "$registry/bundle/flip/image:v1" --key "$pub" --allow-http-registry

# Credentials stay with their host.
printf 'secret' >"$T/password"
with_password()
{
    "$@" <"$T/password"
}
export -f with_password
for what in bundle/redirect-other/evidence bundle/redirect-other/blob bundle/realm/all; do
    lines=$(wc -l <"$T/elsewhere.log")
    says "$what with credentials" 0 "${digest_bundle:?}" -- with_password "$verify" "$(image_of "$what")" --key "$pub" --allow-http-registry \
        --timeout 2s --registry-username alice --registry-password-stdin
    tail -n "+$((lines + 1))" "$T/elsewhere.log" >"$T/elsewhere.new"
    assert "$what: the other host was asked" test -s "$T/elsewhere.new"
    assert "$what: and saw no credentials" lacks ' authorization$' "$T/elsewhere.new"
done

# Signing that breaks off at its n-th request, before or after the registry has done it, and everything after that too: the image stays
# unsigned or is signed whole, signing again mends it, and cosign sees the same.
start_registry real plain
real=$registry
for format in bundle legacy; do
    for when in before after; do
        for n in 1 2 3 4 6 8 10 12 14 16 20; do
            name=cut-$format-$when-$n
            registry=$real
            image "$name" "$real/cut/$name"
            server "$name-proxy" python3 "$here/cutproxy.py" --to "$real" --after "$n" --when "$when" --addr-file "$T/$name.addr"
            proxy=$pid
            wait_for 10 test -s "$T/$name.addr" || no_server "$name-proxy"
            run "$sign" "$(cat "$T/$name.addr")/cut/$name@$digest" --key "$T/key.key" --format "$format" --allow-http-registry --timeout 2s
            stop "$proxy"
            broken=$status
            run "$verify" "$ref" --key "$pub" --allow-http-registry
            ours=$status
            run cosign3_verify --key "$pub" "$ref"
            theirs=$status
            case $broken:$ours in
            0:0 | 3:0 | 3:1) ok "$name: sign exit $broken, verify exit $ours" ;;
            *) not_ok "$name: breaks off cleanly" "sign exit $broken, verify exit $ours" ;;
            esac
            assert "$name: cosign 3 agrees" test "$((ours == 0))" -eq "$((theirs == 0))"
            check "$name: signing again" 0 '' '' -- "$sign" "$ref" --key "$T/key.key" --format "$format" --allow-http-registry
            check "$name: verifies" 0 '' '' -- "$verify" "$ref" --key "$pub" --allow-http-registry
            [ "$broken" -ne 0 ] || break # past the last request
        done
    done
done
registry=$(cat "$T/fault.addr")

# One bad registry does not take the other images with it: each image has its own verdict, and a denial outweighs the unknown.
says 'an image that cannot be had beside a good one' 3 "${digest_bundle:?}" -- \
    "$verify" "$(image_of bundle/ok/all)" "$(image_of bundle/status-500/all)" --key "$pub" --allow-http-registry --timeout 2s
says 'an unknown one beside a denied one' 1 'unsigned' -- \
    "$verify" "$registry/bundle/ok/all:other" "$(image_of bundle/status-500/all)" --key "$pub" --allow-http-registry --timeout 2s

finish
