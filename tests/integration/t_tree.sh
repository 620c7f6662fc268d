#!/bin/bash
# verify tree and verify download: what cosign 3, cosign 2 and ours hung on an image, in both layouts, as cosign itself downloads it; and what
# GitHub stores.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

P=$here/predicates
start_registry main plain
foreign_key p256 p256
foreign_key stranger p256

# cosign3_attest NEW_FORMAT TYPE FILE
cosign3_attest()
{
    quietly cosign3 attest --tlog-upload=false --use-signing-config=false --new-bundle-format="$1" --allow-http-registry -y --key "$T/p256.key" \
        --type "$2" --predicate "$3" "$ref"
}

# leaves REFERENCE FILTER: the leaves of our tree that the filter selects, as JSON lines in $T/leaves.
leaves()
{
    run "$verify" tree "$1" --key "$T/p256.pub" --output json
    jq -c ".evidence[] | select($2)" "$T/out" >"$T/leaves" 2>/dev/null || true
}

image nothing "$registry/nothing"
check 'tree: nothing hangs there' 0 'nothing hangs' '' -- "$verify" tree "$ref"
check 'download: nothing hangs there' 1 - 'no attestation hangs on it' -- "$verify" download attestation "$ref"

for layout in bundle legacy; do
    new=$([ "$layout" = bundle ] && echo true || echo false)
    image "theirs-$layout" "$registry/theirs/$layout"
    quietly cosign3_sign "$new" --key "$T/p256.key" "$ref"
    cosign3_attest "$new" https://types.example/review/v1 "$P/uri.json"
    cosign3_attest "$new" vuln "$P/vuln.json"
    [ "$layout" = legacy ] && quietly cosign2 attest --tlog-upload=false --allow-http-registry -y --key "$T/p256.key" --type spdxjson --predicate "$P/spdxjson.json" "$ref"
    count=$([ "$layout" = legacy ] && echo 4 || echo 3)
    leaves "$ref" '.outcome.verified'
    assert "tree, $layout by cosign: each is verified" test "$(wc -l <"$T/leaves")" -eq "$count"
    leaves "$ref" '.outcome.predicateType == "https://cosign.sigstore.dev/attestation/vuln/v1" and .kind == "statement" and .outcome.key != null'
    assert "tree, $layout by cosign: the verified type is told" test "$(wc -l <"$T/leaves")" -eq 1
    run "$verify" tree "$ref" --key "$T/stranger.pub" --output json
    assert "tree, $layout by cosign: by another key none is" test "$(jq '[.evidence[] | select(.outcome.verified)] | length' "$T/out")" -eq 0
    says "tree, $layout: and it is said why" 0 'wrong-signer|bad-signature' -- "$verify" tree "$ref" --key "$T/stranger.pub"
    says "tree, $layout: without a key nothing is checked" 0 'not checked' -- "$verify" tree "$ref"
    for what in attestation signature; do
        run cosign3 download $what --allow-http-registry "$ref"
        jq -cS 'if has("Base64Signature") then {Base64Signature, Payload} else del(.signatures[]?.keyid) end' "$T/out" | sort -u >"$T/theirs"
        run "$verify" download $what "$ref"
        jq -cS 'if has("Base64Signature") then {Base64Signature, Payload} else del(.signatures[]?.keyid) end' "$T/out" | sort -u >"$T/ours"
        # cosign 3 prints every bundle whatever is asked for: ours are those of them that are what they are called
        if [ "$layout" = bundle ]; then
            assert "download $what, $layout: what ours gives cosign gives too" test -z "$(comm -13 "$T/theirs" "$T/ours")"
        else
            assert "download $what, $layout: the same as cosign's" cmp "$T/theirs" "$T/ours"
        fi
        assert "download $what, $layout: something" test -s "$T/ours"
    done
    check "download, $layout: by type" 0 '' '' -- "$verify" download attestation "$ref" --predicate-type vuln
    assert "download, $layout: by type, one" test "$(wc -l <"$T/out")" -eq 1
    check "download, $layout: of a type that is not there" 1 - 'predicate type' -- "$verify" download attestation "$ref" --predicate-type cyclonedx
    mkdir "$T/dir-$layout"
    check "download, $layout: to files" 0 "$T/dir-$layout/sha256-" '' -- "$verify" download attestation "$ref" --output-dir "$T/dir-$layout"
    assert "download, $layout: as many files as names" test "$(find "$T/dir-$layout" -type f | wc -l)" -eq "$(wc -l <"$T/out")"
done
check 'download bundle' 0 'sigstore.bundle' '' -- "$verify" download bundle "$registry/theirs/bundle@$(jq -r '.manifests[0].digest' "$T/theirs-bundle/index.json")"
assert 'download bundle: signature and attestations' test "$(wc -l <"$T/out")" -eq 3
sentence 'download: of no kind' 2 'none of attestation, signature, bundle' -- "$verify" download everything "$ref"
sentence 'download: to a folder that is not there' 3 'nowhere' -- "$verify" download attestation "$ref" --output-dir "$T/nowhere"
sentence 'download: registry that is down' 3 'refused|connect' -- "$verify" download attestation "127.0.0.1:$(closed_port)/x@$digest" --timeout 2s

# What GitHub's attest action stores (sigstore.md 4.6): a bundle with a certificate, a statement v1, as a referrer.
image github "$registry/github"
jq -nc --arg hex "${digest#sha256:}" --slurpfile predicate "$P/slsaprovenance1.json" '{_type: "https://in-toto.io/Statement/v1",
    subject: [{name: "ghcr.io/team/app", digest: {sha256: $hex}}], predicateType: "https://slsa.dev/provenance/v1", predicate: $predicate[0]}' >"$T/statement"
quietly openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj '/CN=none' -keyout "$T/leaf.key" -out "$T/leaf.pem"
jq -nc --arg der "$(openssl x509 -in "$T/leaf.pem" -outform DER | base64 -w0)" --arg payload "$(base64 -w0 <"$T/statement")" '{
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: {certificate: {rawBytes: $der}, tlogEntries: [], timestampVerificationData: {rfc3161Timestamps: []}},
    dsseEnvelope: {payload: $payload, payloadType: "application/vnd.in-toto+json", signatures: [{sig: "MEUCIQDs"}]}}' >"$T/github.bundle"
check 'GitHub: stored as a referrer' 0 '' '' -- "$sign" attach bundle "$ref" "$T/github.bundle"
leaves "$ref" '.hint == "certificate" and .type == "https://slsa.dev/provenance/v1" and .outcome.reason == "unsupported"'
assert 'GitHub: the tree shows type, certificate and why not' test "$(wc -l <"$T/leaves")" -eq 1
check 'GitHub: not allowed by a key' 1 - 'denied: unsupported: .*keyless' -- "$verify" attestation "$ref" --key "$T/p256.pub" --type slsaprovenance1
check 'GitHub: downloaded' 0 'rawBytes' '' -- "$verify" download attestation "$ref" --predicate-type slsaprovenance1

# Large ones are not read beyond the ceiling, and said to be there.
image large "$registry/large"
quietly "$sign" attest "$ref" --key "$T/p256.key" --type spdxjson --predicate "$P/spdxjson.json"
says 'tree: beyond the ceiling' 3 'too-large|larger' -- "$verify" tree "$ref" --key "$T/p256.pub" --max-statement-size 100
says 'tree: within it' 0 'verified with' -- "$verify" tree "$ref" --key "$T/p256.pub"

finish
