#!/bin/bash
# Attestations: cosign 3, cosign 2 and sigstore-js as independent signers and verifiers beside ours, every type both know, both layouts; then
# what ours alone does. Every refusal stands beside the same thing accepted, and has its reason.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

P=$here/predicates
URI=https://types.example/review/v1

# Type, file. `uri` stands for $URI.
types='
custom          custom.json
slsaprovenance  slsaprovenance.json
slsaprovenance1 slsaprovenance1.json
spdx            spdx.txt
spdxjson        spdxjson.json
cyclonedx       cyclonedx.json
link            link.json
vuln            vuln.json
openvex         openvex.json
uri             uri.json
'

type_of()
{
    if [ "$1" = uri ]; then echo "$URI"; else echo "$1"; fi
}

# attest_with SIGNER KEY TYPE FILE IMAGE
attest_with()
{
    local type
    type=$(type_of "$3")
    case $1 in
    cosign3-bundle | cosign3-legacy)
        run cosign3 attest --tlog-upload=false --use-signing-config=false --new-bundle-format="$([ "$1" = cosign3-bundle ] && echo true || echo false)" \
            --allow-http-registry -y --key "$T/$2.key" --type "$type" --predicate "$4" "$5"
        ;;
    cosign2-legacy) run cosign2 attest --tlog-upload=false --allow-http-registry -y --key "$T/$2.key" --type "$type" --predicate "$4" "$5" ;;
    ours-bundle) run "$sign" attest "$5" --key "$T/$2.key" --type "$type" --predicate "$4" ;;
    ours-legacy) run "$sign" attest "$5" --key "$T/$2.key" --type "$type" --predicate "$4" --format legacy ;;
    esac
}

# verify_with VERIFIER KEY TYPE IMAGE
verify_with()
{
    local type
    type=$(type_of "$3")
    case $1 in
    ours) run "$verify" attestation "$4" --key "$T/$2.pub" --type "$type" ;;
    cosign3) run cosign3 verify-attestation --insecure-ignore-tlog=true --allow-http-registry --key "$T/$2.pub" --type "$type" "$4" ;;
    cosign3-legacy)
        run cosign3 verify-attestation --new-bundle-format=false --insecure-ignore-tlog=true --allow-http-registry --key "$T/$2.pub" --type "$type" "$4"
        ;;
    cosign2) run cosign2 verify-attestation --insecure-ignore-tlog=true --allow-http-registry --key "$T/$2.pub" --type "$type" "$4" ;;
    esac
}

# accepts NAME VERIFIER KEY TYPE IMAGE: and prints the statement, of the predicate that was signed.
accepts()
{
    verify_with "$2" "$3" "$4" "$5"
    if [ "$status" -ne 0 ]; then
        not_ok "$1" "exit $status"
    elif [ "$(jq -r '.payload | @base64d | fromjson | .subject[0].digest.sha256' "$T/out" 2>/dev/null)" != "${5##*sha256:}" ]; then
        not_ok "$1" 'the envelope on standard output is not about this image'
    else
        ok "$1"
    fi
}

# refuses NAME VERIFIER KEY TYPE IMAGE REASON: ours with exit 1, its reason and nothing on standard output.
refuses()
{
    verify_with "$2" "$3" "$4" "$5"
    if [ "$status" -eq 0 ] || [ "$status" -ge 100 ]; then
        not_ok "$1" "exit $status"
    elif [ "$2" != ours ]; then
        ok "$1"
    elif [ "$status" -ne 1 ] || [ -s "$T/out" ] || ! seen "denied: ($6): " "$T/err"; then
        not_ok "$1" "exit $status, no 'denied: $6'"
    else
        ok "$1"
    fi
}

# verifiers_of SIGNER TYPE. cosign 3.1.1 does not read `spdx`, a string, not even its own.
verifiers_of()
{
    case $1:$2 in
    *-bundle:spdx | cosign3-legacy:spdx) echo ours ;;
    *:spdx) echo ours cosign2 ;;
    *-bundle:*) echo ours cosign3 ;;
    ours-legacy:* | cosign2-legacy:*) echo ours cosign2 cosign3-legacy ;;
    *) echo ours cosign3-legacy ;;
    esac
}

start_registry main plain
image other "$registry/other/image"
other=$digest
for key in p256 rsa stranger; do
    foreign_key "$key" "$([ "$key" = stranger ] && echo p256 || echo "$key")"
done

for signer in cosign3-bundle cosign3-legacy cosign2-legacy ours-bundle ours-legacy; do
    while read -r type file; do
        [ -n "$type" ] || continue
        name=$signer-$type
        image "$name" "$registry/$name/image"
        refuses "$signer $type: ours refuses before" ours p256 "$type" "$ref" unsigned
        attest_with "$signer" p256 "$type" "$P/$file" "$ref"
        if [ "$status" -ne 0 ]; then
            not_ok "$signer $type: attests" "exit $status"
            continue
        fi
        ok "$signer $type: attests"
        for verifier in $(verifiers_of "$signer" "$type"); do
            accepts "$signer $type: $verifier accepts" "$verifier" p256 "$type" "$ref"
            refuses "$signer $type: $verifier refuses another key" "$verifier" stranger "$type" "$ref" 'wrong-signer|bad-signature'
            refuses "$signer $type: $verifier refuses as another type" "$verifier" p256 "https://types.example/other" "$ref" wrong-type
        done
    done <<<"$types"
done

# The same statement tampered with, and hung on another image.
for signer in cosign3-bundle cosign3-legacy cosign2-legacy ours-bundle ours-legacy; do
    name=$signer-slsaprovenance1
    digest=$(jq -r '.manifests[0].digest' "$T/$name/index.json")
    push other "$registry/$name/image:other"
    for change in none signature cut payload move; do
        quietly python3 "$here/tamper.py" "$registry" "$name/image" "$name/$change" "$digest" "$change" "$other"
    done
    for verifier in $(verifiers_of "$signer" slsaprovenance1); do
        accepts "$signer: $verifier accepts the copy" "$verifier" p256 slsaprovenance1 "$registry/$name/none@$digest"
        for change in signature cut payload; do
            refuses "$signer: $verifier refuses the copy with another $change" "$verifier" p256 slsaprovenance1 "$registry/$name/$change@$digest" \
                'bad-signature|wrong-signer'
        done
        refuses "$signer: $verifier refuses it on another image" "$verifier" p256 slsaprovenance1 "$registry/$name/move@$other" wrong-subject
    done
done

# Whatever wrote it, the same statement: by its own and by our verify, member for member.
for signer in cosign3-bundle cosign2-legacy; do
    for type in custom vuln spdxjson; do
        name=$signer-$type
        ref=$registry/$name/image@$(jq -r '.manifests[0].digest' "$T/$name/index.json")
        verify_with "$([ "$signer" = cosign2-legacy ] && echo cosign2 || echo cosign3)" p256 "$type" "$ref"
        jq -S '{payload, payloadType, sig: .signatures[0].sig}' "$T/out" >"$T/theirs.json" 2>/dev/null || true
        verify_with ours p256 "$type" "$ref"
        jq -S '{payload, payloadType, sig: .signatures[0].sig}' "$T/out" >"$T/ours.json" 2>/dev/null || true
        assert "$signer $type: our envelope has members" test -s "$T/ours.json"
        assert "$signer $type: our envelope is cosign's" diff "$T/theirs.json" "$T/ours.json"
        run "$verify" attestation "$ref" --key "$T/p256.pub" --type "$type" --output statement
        jq -S . "$T/out" >"$T/bare.json" 2>/dev/null || true
        jq -S '.payload | @base64d | fromjson' "$T/ours.json" >"$T/inside.json" 2>/dev/null || true
        assert "$signer $type: --output statement is what is inside" cmp "$T/bare.json" "$T/inside.json"
        assert "$signer $type: --output statement is one line" test "$(wc -l <"$T/out")" -eq 1
    done
done

# The custom predicate as cosign builds it, but for its time.
for signer in cosign3-bundle ours-bundle; do
    name=$signer-custom
    verify_with ours p256 custom "$registry/$name/image@$(jq -r '.manifests[0].digest' "$T/$name/index.json")"
    jq -S '.payload | @base64d | fromjson | .predicate | .Timestamp = 0' "$T/out" >"$T/$signer.predicate" 2>/dev/null || true
done
assert 'custom: our predicate has members' test -s "$T/ours-bundle.predicate"
assert 'custom: our predicate is the one that cosign makes of the file' cmp "$T/cosign3-bundle.predicate" "$T/ours-bundle.predicate"

# An attestation is not a signature, and the reverse.
for layout in bundle legacy; do
    image "kinds-$layout" "$registry/kinds/$layout"
    quietly "$sign" attest "$ref" --key "$T/p256.key" --type custom --predicate "$P/custom.json" --format "$layout"
    says "$layout: an attestation is no signature" 1 'unsigned|wrong-type' -- "$verify" "$ref" --key "$T/p256.pub"
    accepts "$layout: it is an attestation" ours p256 custom "$ref"
    image "kinds2-$layout" "$registry/kinds2/$layout"
    quietly "$sign" "$ref" --key "$T/p256.key" --format "$layout"
    refuses "$layout: a signature is no attestation" ours p256 custom "$ref" unsigned
    refuses "$layout: not of its own type either" ours p256 https://sigstore.dev/cosign/sign/v1 "$ref" 'unsigned|wrong-type'
    says "$layout: it is a signature" 0 'allowed: signed' -- "$verify" "$ref" --key "$T/p256.pub"
done
sentence 'a statement of the type of signatures is not attested' 2 'use `sign IMAGE`' -- \
    "$sign" attest "$ref" --key "$T/p256.key" --type https://sigstore.dev/cosign/sign/v1 --predicate "$P/uri.json"

# Registries with the referrers API, and a layout.
for kind in ggcr ocimem; do
    start_goregistry "$kind" "$kind"
    for layout in bundle legacy; do
        image "$kind-$layout" "$registry/api/$layout"
        check "$kind, $layout: attests" 0 "$digest" '' -- "$sign" attest "$ref" --key "$T/rsa.key" --type vuln --predicate "$P/vuln.json" --format "$layout"
        accepts "$kind, $layout: ours accepts" ours rsa vuln "$ref"
        accepts "$kind, $layout: cosign 3 accepts" "$([ "$layout" = bundle ] && echo cosign3 || echo cosign3-legacy)" rsa vuln "$ref"
        refuses "$kind, $layout: ours refuses another type" ours rsa custom "$ref" wrong-type
    done
done
layout air
air=oci:$T/air@$digest
for layout in bundle legacy; do
    check "layout on disk, $layout: attests" 0 "$digest" '' -- "$sign" attest "$air" --key "$T/p256.key" --type "$layout:x" --predicate "$P/uri.json" --format "$layout"
    check "layout on disk, $layout: accepts" 0 payload 'allowed: attested' -- "$verify" attestation "$air" --key "$T/p256.pub" --type "$layout:x"
done

# sigstore-js.
start_registry js plain
image js "$registry/js/image"
check 'sigstore-js: ours writes a bundle' 0 - '' -- "$sign" attest "$ref" --key "$T/p256.key" --type slsaprovenance1 --predicate "$P/slsaprovenance1.json" \
    --upload=false --bundle "$T/ours.bundle"
refuses 'sigstore-js: nothing was stored' ours p256 slsaprovenance1 "$ref" unsigned
check 'sigstore-js verifies our bundle' 0 'buildDefinition' '' -- sigstore-js verify "$T/p256.pub" "$T/ours.bundle"
says 'sigstore-js refuses our bundle by another key' 1 SIGNATURE_ERROR -- sigstore-js verify "$T/stranger.pub" "$T/ours.bundle"
jq -c '.dsseEnvelope.payload |= (@base64d + " " | @base64)' "$T/ours.bundle" >"$T/changed.bundle"
says 'sigstore-js refuses our bundle tampered with' 1 SIGNATURE_ERROR -- sigstore-js verify "$T/p256.pub" "$T/changed.bundle"
jq -c --arg hex "${digest#sha256:}" '{_type: "https://in-toto.io/Statement/v1", subject: [{name: "image", digest: {sha256: $hex}}],
    predicateType: "https://slsa.dev/provenance/v1", predicate: .}' "$P/slsaprovenance1.json" >"$T/js.statement"
quietly sigstore-js sign "$T/p256.pem" application/vnd.in-toto+json "$T/js.statement"
cp "$T/out" "$T/js.bundle"
check 'sigstore-js signs, ours attaches' 0 '' '' -- "$sign" attach bundle "$ref" "$T/js.bundle"
accepts 'sigstore-js signs, ours accepts' ours p256 slsaprovenance1 "$ref"
refuses 'sigstore-js signs, ours refuses another key' ours stranger slsaprovenance1 "$ref" 'wrong-signer|bad-signature'
image js2 "$registry/js/image2"
says 'sigstore-js signs, ours does not attach it to another image' 2 'no subject' -- "$sign" attach bundle "$ref" "$T/js.bundle"
quietly sigstore-js sign "$T/p256.pem" application/json "$T/js.statement"
cp "$T/out" "$T/js.bundle"
image js3 "$registry/js/image3"
sed "s/sha256\":\"[0-9a-f]*/sha256\":\"${digest#sha256:}/" "$T/js.statement" >"$T/js3.statement"
quietly sigstore-js sign "$T/p256.pem" application/json "$T/js3.statement"
cp "$T/out" "$T/js3.bundle"
quietly "$sign" attach bundle "$ref" "$T/js3.bundle"
refuses 'another payload type is no statement' ours p256 slsaprovenance1 "$ref" wrong-type

# Files as they come.
for pair in trivy.json:vuln grype.json:vuln vuln.json:vuln spdxjson.json:spdxjson cyclonedx.json:cyclonedx openvex.json:openvex \
    slsaprovenance1.json:slsaprovenance1 slsaprovenance.json:slsaprovenance; do
    file=${pair%:*} type=${pair#*:}
    image "as-is-$file" "$registry/as-is/${file%.json}"
    check "$file is recognised" 0 '' '' -- "$sign" attest "$ref" --key "$T/p256.key" --predicate "$P/$file"
    accepts "$file is $type to ours" ours p256 "$type" "$ref"
    accepts "$file is $type to cosign 3" cosign3 p256 "$type" "$ref"
done
image sarif "$registry/as-is/sarif"
sentence 'SARIF does not tell when it was made' 2 '--scan-finished' -- "$sign" attest "$ref" --key "$T/p256.key" --predicate "$P/sarif.json"
check 'SARIF with its times' 0 '' '' -- "$sign" attest "$ref" --key "$T/p256.key" --predicate "$P/sarif.json" \
    --scan-started 2026-11-01T10:00:00Z --scan-finished 2026-11-01T10:01:00Z
accepts 'SARIF is vuln to cosign 3' cosign3 p256 vuln "$ref"
check 'SARIF: its times are signed' 0 payload '' -- "$verify" attestation "$ref" --key "$T/p256.pub" --type vuln \
    --check /predicate/metadata/scanFinishedOn=2026-11-01T10:01:00Z --check /predicate/scanner/result/version=2.1.0
sentence 'an unknown file needs --type' 2 '--type' -- "$sign" attest "$ref" --key "$T/p256.key" --predicate "$P/custom.json"
jq 'del(.buildDefinition.buildType)' "$P/slsaprovenance1.json" >"$T/lacks.json"
sentence 'what is missing is named' 2 '/buildDefinition/buildType' -- "$sign" attest "$ref" --key "$T/p256.key" --type slsaprovenance1 --predicate "$T/lacks.json"
printf '{"a":1,"a":2}' >"$T/twice.json"
sentence 'a name given twice is not signed' 2 'duplicate' -- "$sign" attest "$ref" --key "$T/p256.key" --type "$URI" --predicate "$T/twice.json"

# --check.
image checks "$registry/checks"
quietly "$sign" attest "$ref" --key "$T/p256.key" --type slsaprovenance1 --predicate "$P/slsaprovenance1.json"
builder=/predicate/runDetails/builder/id
check 'check: what stands there' 0 payload '' -- "$verify" attestation "$ref" --key "$T/p256.pub" --type slsaprovenance1 --check "$builder=https://ci.example/builders/small"
check 'check: what does not' 1 - 'denied: check-failed: at /predicate/runDetails/builder/id stands "https://ci.example/builders/small", wanted: is x' -- \
    "$verify" attestation "$ref" --key "$T/p256.pub" --type slsaprovenance1 --check "$builder=x"
check 'check: each must hold' 1 - 'check-failed' -- "$verify" attestation "$ref" --key "$T/p256.pub" --type slsaprovenance1 \
    --check "$builder=https://ci.example/builders/small" --check /predicate/nothing=1
sentence 'check: not a pointer' 2 'JSON pointer' -- "$verify" attestation "$ref" --key "$T/p256.pub" --type slsaprovenance1 --check predicate=1
sentence 'check: not POINTER=VALUE' 2 'POINTER=VALUE' -- "$verify" attestation "$ref" --key "$T/p256.pub" --type slsaprovenance1 --check /predicate

# A whole statement.
image whole "$registry/whole/image"
make_statement()
{
    jq -c --arg type "$1" --argjson subject "$2" '{_type: ("https://in-toto.io/Statement/" + $type), subject: $subject, predicateType: "https://slsa.dev/provenance/v1",
        predicate: .}' "$P/slsaprovenance1.json" >"$T/statement.json"
}
ours_subject=$(jq -nc --arg hex "${digest#sha256:}" '{name: "image", digest: {sha256: $hex}}')
other_subject=$(jq -nc --arg hex "${other#sha256:}" '{name: "image", digest: {sha256: $hex}}')
for version in v0.1 v1; do
    image "whole-$version" "$registry/whole/$version"
    make_statement "$version" "[$(jq -c --arg hex "${digest#sha256:}" '.digest.sha256 = $hex' <<<"$ours_subject")]"
    check "statement $version: attested as it is" 0 '' '' -- "$sign" attest "$ref" --key "$T/p256.key" --statement "$T/statement.json"
    accepts "statement $version: ours accepts" ours p256 slsaprovenance1 "$ref"
    accepts "statement $version: cosign 3 accepts" cosign3 p256 slsaprovenance1 "$ref"
    run "$verify" attestation "$ref" --key "$T/p256.pub" --type slsaprovenance1
    assert "statement $version: byte for byte" cmp <(jq -r .payload "$T/out" | base64 -d) <(tr -d '\n' <"$T/statement.json")
done
image whole "$registry/whole/image"
ours_subject=$(jq -c --arg hex "${digest#sha256:}" '.digest.sha256 = $hex' <<<"$ours_subject")
make_statement v1 "[$other_subject]"
sentence 'a statement about another image' 2 'no subject' -- "$sign" attest "$ref" --key "$T/p256.key" --statement "$T/statement.json"
make_statement v1 "[]"
sentence 'a statement about nothing' 2 'no subject' -- "$sign" attest "$ref" --key "$T/p256.key" --statement "$T/statement.json"
make_statement v2 "[$ours_subject]"
sentence 'a statement of an unknown version' 2 '_type' -- "$sign" attest "$ref" --key "$T/p256.key" --statement "$T/statement.json"
make_statement v1 "[$ours_subject]"
sentence 'a statement of another type than --type says' 2 'of type' -- "$sign" attest "$ref" --key "$T/p256.key" --statement "$T/statement.json" --type custom
sentence 'two sources' 2 'one of --predicate' -- "$sign" attest "$ref" --key "$T/p256.key" --statement "$T/statement.json" --predicate "$P/custom.json"
sentence 'no source' 2 'one of --predicate' -- "$sign" attest "$ref" --key "$T/p256.key" --type custom
refuses 'none of them was stored' ours p256 slsaprovenance1 "$ref" unsigned
make_statement v1 "[$other_subject,$ours_subject]"
check 'a statement about two images, ours among them' 0 '' '' -- "$sign" attest "$ref" --key "$T/p256.key" --statement "$T/statement.json"
check 'it counts for ours' 0 payload '' -- "$verify" attestation "$ref" --key "$T/p256.pub" --type slsaprovenance1

# Again, --replace, --recursive, standard input.
for layout in bundle legacy; do
    image "again-$layout" "$registry/again/$layout"
    statements()
    {
        run "$verify" attestation "$ref" --key "$T/p256.pub" --type "$1"
        wc -l <"$T/out"
    }
    attest()
    {
        quietly "$sign" attest "$ref" --key "$T/$1.key" --type "$2" --predicate "$3" --format "$layout" ${4:+"$4"}
    }
    attest p256 openvex "$P/openvex.json"
    check "$layout, again: nothing is added" 0 '' 'already attested' -- "$sign" attest "$ref" --key "$T/p256.key" --type openvex --predicate "$P/openvex.json" --format "$layout"
    assert "$layout, again: one statement" test "$(statements openvex)" -eq 1
    jq '.version = 2' "$P/openvex.json" >"$T/v2.json"
    attest p256 openvex "$T/v2.json"
    assert "$layout: another statement is added" test "$(statements openvex)" -eq 2
    attest stranger openvex "$P/openvex.json"
    attest p256 vuln "$P/vuln.json"
    jq '.version = 3' "$P/openvex.json" >"$T/v3.json"
    attest p256 openvex "$T/v3.json" --replace
    assert "$layout, --replace: one statement is left" test "$(statements openvex)" -eq 1
    check "$layout, --replace: the new one" 0 payload '' -- "$verify" attestation "$ref" --key "$T/p256.pub" --type openvex --check /predicate/version=3
    check "$layout, --replace: of other types none is touched" 0 payload '' -- "$verify" attestation "$ref" --key "$T/p256.pub" --type vuln
    check "$layout, --replace: of other keys none is touched" 0 payload '' -- "$verify" attestation "$ref" --key "$T/stranger.pub" --type openvex
    attest p256 openvex "$T/v3.json" --replace
    assert "$layout, --replace by the same: still one" test "$(statements openvex)" -eq 1
    attest p256 openvex "$T/v2.json"
    attest p256 openvex "$T/v3.json" --replace
    assert "$layout, --replace by one that is there: it alone is left" test "$(statements openvex)" -eq 1
    check "$layout, --replace by one that is there: it" 0 payload '' -- "$verify" attestation "$ref" --key "$T/p256.pub" --type openvex --check /predicate/version=3
    refuses "$layout, --replace: a complete answer about another type" ours p256 spdx "$ref" wrong-type
    image "index-$layout" "$registry/index/$layout" --index
    attest p256 cyclonedx "$P/cyclonedx.json" --recursive
    for child in $digest $children; do
        accepts "$layout, recursive: each is attested" ours p256 cyclonedx "$registry/index/$layout@$child"
    done
done
image stdin "$registry/stdin"
check 'standard input' 0 '' '' -- bash -c "'$sign' attest '$ref' --key '$T/p256.key' --type spdxjson --predicate - <'$P/spdxjson.json'"
accepts 'standard input: accepted' ours p256 spdxjson "$ref"
check '--no-upload prints the bundle' 0 '"mediaType":"application/vnd.dev.sigstore.bundle.v0.3' '' -- "$sign" attest "$ref" --key "$T/p256.key" --type custom \
    --predicate "$P/custom.json" --no-upload
check '--no-upload --format legacy prints the envelope' 0 '^\{"payload":' '' -- "$sign" attest "$ref" --key "$T/p256.key" --type custom \
    --predicate "$P/custom.json" --no-upload --format legacy
refuses '--no-upload stores nothing' ours p256 custom "$ref" wrong-type
sentence 'ceiling when signing' 3 'max-statement-size' -- "$sign" attest "$ref" --key "$T/p256.key" --type spdxjson --predicate "$P/spdxjson.json" --max-statement-size 600
says 'ceiling when verifying: could not be found out' 3 'unknown: too-large' -- "$verify" attestation "$ref" --key "$T/p256.pub" --type spdxjson --max-statement-size 600
check 'ceiling raised' 0 payload '' -- "$verify" attestation "$ref" --key "$T/p256.pub" --type spdxjson --max-statement-size 64KiB

# Provenance from the build environment.
github='GITHUB_ACTIONS=true GITHUB_SERVER_URL=https://github.com GITHUB_REPOSITORY=team/app GITHUB_WORKFLOW_REF=team/app/.github/workflows/release.yml@refs/tags/v1
    GITHUB_REF=refs/tags/v1 GITHUB_SHA=8f2f9a6d3c1b5e4f7a9d0c2b4e6f8a1c3d5e7f90 GITHUB_RUN_ID=99 GITHUB_RUN_ATTEMPT=2 GITHUB_EVENT_NAME=push GITHUB_REPOSITORY_ID=1
    GITHUB_REPOSITORY_OWNER_ID=2 RUNNER_ENVIRONMENT=github-hosted'
image provenance "$registry/provenance"
# shellcheck disable=SC2086 # a list of assignments
check 'provenance: made and attested in one step' 0 '' '' -- env $github "$sign" attest "$ref" --key "$T/p256.key" --type slsaprovenance1 --provenance-from-env
check 'provenance: what the environment told' 0 payload '' -- "$verify" attestation "$ref" --key "$T/p256.pub" --type slsaprovenance1 \
    --check "$builder=https://github.com/team/app/.github/workflows/release.yml@refs/tags/v1" \
    --check /predicate/buildDefinition/externalParameters/workflow/repository=https://github.com/team/app \
    --check /predicate/buildDefinition/resolvedDependencies/0/digest/gitCommit=8f2f9a6d3c1b5e4f7a9d0c2b4e6f8a1c3d5e7f90 \
    --check /predicate/runDetails/metadata/invocationId=https://github.com/team/app/actions/runs/99/attempts/2
accepts 'provenance: cosign 3 accepts' cosign3 p256 slsaprovenance1 "$ref"
# shellcheck disable=SC2086
run env $github "$sign" provenance "$ref"
assert 'provenance: by itself the same predicate' diff <(jq -S . "$T/out") \
    <("$verify" attestation "$ref" --key "$T/p256.pub" --type slsaprovenance1 --output statement 2>/dev/null | jq -S .predicate)
# shellcheck disable=SC2086
sentence 'provenance: what is missing is named' 2 GITHUB_SHA -- env $github GITHUB_SHA= "$sign" provenance "$ref"
sentence 'provenance: nothing is invented' 2 'builder' -- env GITHUB_ACTIONS= GITLAB_CI= "$sign" provenance "$ref"
sentence 'what is said of a build is not lost' 2 '--provenance-from-env' -- "$sign" attest "$ref" --key "$T/p256.key" --type custom --predicate "$P/custom.json" \
    --builder-id https://ci.example/b
sentence 'nor are scan times' 2 '--predicate' -- "$sign" attest "$ref" --key "$T/p256.key" --statement "$T/statement.json" --scan-finished 2026-11-01T10:00:00Z
sentence 'provenance is of one type' 2 slsaprovenance1 -- "$sign" attest "$ref" --key "$T/p256.key" --type custom --provenance-from-env

# It could not be found out.
port=$(closed_port)
says 'registry that is down' 3 'unknown: registry-unreachable' -- "$verify" attestation "127.0.0.1:$port/app@$digest" --key "$T/p256.pub" --type custom --timeout 2s
says 'image that is not there' 3 'unknown: not-found' -- "$verify" attestation "$registry/nothing@$other" --key "$T/p256.pub" --type custom
sentence 'no type' 2 '--type' -- "$verify" attestation "$ref" --key "$T/p256.pub"
sentence 'a type that is none' 2 'spdxjson' -- "$verify" attestation "$ref" --key "$T/p256.pub" --type spdxjsn

finish
