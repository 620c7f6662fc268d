#!/bin/bash
# cosign 3, cosign 2 and skopeo as independent signers and verifiers beside ours: who accepts whose signature, with which key, and that
# each refuses the same signature tampered with. Every refusal stands beside the same copy untampered and accepted.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# What each program does, found by trying it with its own kind first (cosign 3.1.1, cosign 2.5.0, skopeo 1.18.0):
#   - cosign 3 signs P-384 with SHA-384 and P-521 with SHA-512, in both layouts, and its verify then needs to be told which hash; skopeo
#     knows SHA-256 only. cosign 2, skopeo and ours sign with SHA-256 whatever the curve, which every program takes as it is.
#   - cosign 3 signs with Ed25519 as Ed25519ph, which neither cosign's verify nor skopeo accepts; the others sign pure.
#   - cosign 2 and skopeo know the legacy layout only.
# Signer with its layout, key, verifiers that accept it.
matrix='
cosign3-bundle p256    ours cosign3
cosign3-bundle p384    ours cosign3/sha384
cosign3-bundle p521    ours cosign3/sha512
cosign3-bundle rsa     ours cosign3
cosign3-bundle ed25519 ours
cosign3-legacy p256    ours cosign3 cosign2 skopeo
cosign3-legacy p384    ours cosign3/sha384 cosign2/sha384
cosign3-legacy p521    ours cosign3/sha512
cosign3-legacy rsa     ours cosign3 cosign2 skopeo
cosign3-legacy ed25519 ours
cosign2-legacy p256    ours cosign3 cosign2 skopeo
cosign2-legacy p384    ours cosign3 cosign2 skopeo
cosign2-legacy p521    ours cosign3 cosign2 skopeo
cosign2-legacy rsa     ours cosign3 cosign2 skopeo
cosign2-legacy ed25519 ours cosign3 cosign2 skopeo
skopeo-legacy  p256    ours cosign3 cosign2 skopeo
skopeo-legacy  p384    ours cosign3 cosign2 skopeo
skopeo-legacy  p521    ours cosign3 cosign2 skopeo
skopeo-legacy  rsa     ours cosign3 cosign2 skopeo
skopeo-legacy  ed25519 ours cosign3 cosign2 skopeo
ours-bundle    p256    ours cosign3
ours-bundle    p384    ours cosign3
ours-bundle    p521    ours cosign3
ours-bundle    rsa     ours cosign3
ours-bundle    ed25519 ours cosign3
ours-legacy    p256    ours cosign3 cosign2 skopeo
ours-legacy    p384    ours cosign3 cosign2 skopeo
ours-legacy    p521    ours cosign3 cosign2 skopeo
ours-legacy    rsa     ours cosign3 cosign2 skopeo
ours-legacy    ed25519 ours cosign3 cosign2 skopeo
ours-both      p256    ours cosign3 cosign2 skopeo
'

# sign_with SIGNER KEY_NAME LAYOUT REPOSITORY
sign_with()
{
    local key=$T/$2.key image
    image=$4@$(jq -r '.manifests[0].digest' "$T/$3/index.json")
    case $1 in
    cosign3-bundle) run cosign3_sign true --key "$key" "$image" ;;
    cosign3-legacy) run cosign3_sign false --key "$key" "$image" ;;
    cosign2-legacy) run cosign2_sign --key "$key" "$image" ;;
    skopeo-legacy) run skopeo_sign "$T/$3" "$4:v1" "$key" ;;
    ours-bundle) run "$sign" "$image" --key "$key" ;;
    ours-legacy) run "$sign" "$image" --key "$key" --format legacy ;;
    ours-both) run "$sign" "$image" --key "$key" --format bundle,legacy ;;
    esac
}

# verify_with VERIFIER KEY_NAME IMAGE: the image may be a copy; its signature names $repository.
verify_with()
{
    local key=$T/$2.pub
    case $1 in
    ours) run "$verify" "$3" --key "$key" ;;
    cosign3) run cosign3_verify --key "$key" "$3" ;;
    cosign3/*) run cosign3_verify --key "$key" --signature-digest-algorithm "${1#*/}" "$3" ;;
    cosign2) run cosign2_verify --key "$key" "$3" ;;
    cosign2/*) run cosign2_verify --key "$key" --signature-digest-algorithm "${1#*/}" "$3" ;;
    skopeo) run skopeo_verify "$key" "$3" "$repository" ;;
    esac
}

# What a refusal says: ours in its reason, the others in their words (cosign's exit codes: sigstore.md 2.10).
refusal_of()
{
    case $1:$2 in
    ours:move) echo 'wrong-subject' ;;
    ours:unsigned) echo 'unsigned' ;;
    ours:*) echo 'bad-signature|wrong-signer' ;;
    cosign*:unsigned) echo 'no signatures found' ;;
    cosign*:move) echo 'digest|no matching attestations' ;;
    cosign*:*) echo 'no matching|invalid signature|could not verify|verification error|failed to verify' ;;
    skopeo:unsigned) echo 'no signature exists' ;;
    skopeo:move) echo 'digest' ;;
    skopeo:*) echo 'signature verification failed' ;;
    esac
}

# accepts NAME VERIFIER KEY IMAGE
accepts()
{
    verify_with "$2" "$3" "$4"
    if [ "$status" -eq 0 ]; then ok "$1"; else not_ok "$1" "exit $status"; fi
}

# refuses NAME VERIFIER KEY IMAGE CHANGE: a denial with its reason; ours with exit 1 exactly.
refuses()
{
    local pattern
    pattern=$(refusal_of "$2" "$5")
    verify_with "$2" "$3" "$4"
    if [ "$status" -eq 0 ] || [ "$status" -ge 100 ] || { [ "$2" = ours ] && [ "$status" -ne 1 ]; }; then
        not_ok "$1" "exit $status"
    elif ! seen "$pattern" "$T/out" "$T/err"; then
        not_ok "$1" "nowhere /$pattern/"
    else
        ok "$1"
    fi
}

start_registry main plain
image other "$registry/other/image"
other=$digest
for kind in p256 p384 p521 rsa ed25519; do
    foreign_key "$kind" "$kind"
    foreign_key "$kind-stranger" "$kind"
done

while read -r signer kind verifiers; do
    [ -n "$signer" ] || continue
    name=$signer-$kind
    image "$name" "$registry/$name/image"
    repository=$registry/$name/image
    push other "$repository:other"
    for verifier in $verifiers; do
        refuses "$signer $kind: $verifier refuses it unsigned" "$verifier" "$kind" "$ref" unsigned
    done
    sign_with "$signer" "$kind" "$name" "$registry/$name/image"
    if [ "$status" -ne 0 ]; then
        not_ok "$signer $kind: signs" "exit $status"
        continue
    fi
    ok "$signer $kind: signs"
    for change in none signature cut payload move; do
        quietly python3 "$here/tamper.py" "$registry" "$name/image" "$name/$change" "$digest" "$change" "$other"
    done
    for verifier in $verifiers; do
        accepts "$signer $kind: $verifier accepts" "$verifier" "$kind" "$ref"
        accepts "$signer $kind: $verifier accepts the copy" "$verifier" "$kind" "$registry/$name/none@$digest"
        refuses "$signer $kind: $verifier refuses another key" "$verifier" "$kind-stranger" "$ref" stranger
        for change in signature cut payload; do
            refuses "$signer $kind: $verifier refuses the copy with another $change" "$verifier" "$kind" "$registry/$name/$change@$digest" "$change"
        done
        refuses "$signer $kind: $verifier refuses it on another image" "$verifier" "$kind" "$registry/$name/move@$other" move
    done
done <<<"$matrix"

# Key files: what ours makes the others open, and what they make ours opens (the matrix signs with theirs).
for algorithm in ecdsa-p256 ecdsa-p384 ed25519 rsa-2048 rsa-3072 rsa-4096; do
    key=$T/made-$algorithm
    check "generate-key-pair $algorithm" 0 '' '' -- "$sign" generate-key-pair --algorithm "$algorithm" --output-key-prefix "$key"
    assert "generate-key-pair $algorithm: only the owner reads the key" test "$(stat -c %a "$key.key" 2>/dev/null)" = 600
    assert "generate-key-pair $algorithm: openssl reads the public key" openssl pkey -pubin -in "$key.pub" -noout
    run cosign3 public-key --key "$key.key"
    assert "generate-key-pair $algorithm: cosign 3 opens it and has the same public key" cmp "$T/out" "$key.pub"
    image "made-$algorithm" "$registry/made/$algorithm"
    check "generate-key-pair $algorithm: cosign 2 signs with it" 0 '' '' -- cosign2_sign --key "$key.key" "$ref"
    check "generate-key-pair $algorithm: ours accepts that" 0 '' '' -- "$verify" "$ref" --key "$key.pub"
    image "made-$algorithm-skopeo" "$registry/made/$algorithm-skopeo"
    check "generate-key-pair $algorithm: skopeo signs with it" 0 '' '' -- \
        skopeo_sign "$T/made-$algorithm-skopeo" "$registry/made/$algorithm-skopeo:v1" "$key.key"
    check "generate-key-pair $algorithm: ours accepts that too" 0 '' '' -- "$verify" "$ref" --key "$key.pub"
done
for kind in p256 p384 p521 rsa ed25519; do
    check "public-key of cosign's $kind" 0 'BEGIN PUBLIC KEY' '' -- "$sign" public-key --key "$T/$kind.key"
    run "$sign" public-key --key "$T/$kind.key"
    assert "public-key of cosign's $kind is the one openssl has" cmp "$T/out" "$T/$kind.pub"
    check "import-key-pair $kind" 0 '' '' -- "$sign" import-key-pair --key "$T/$kind.pem" -o "$T/imported-$kind"
    assert "import-key-pair $kind: the same public key" cmp "$T/imported-$kind.pub" "$T/$kind.pub"
    run cosign3 public-key --key "$T/imported-$kind.key"
    assert "import-key-pair $kind: cosign 3 opens it" cmp "$T/out" "$T/$kind.pub"
done

# Annotations, in both directions and both layouts; another value is refused beside it.
for layout in bundle legacy; do
    new=false
    [ "$layout" = bundle ] && new=true
    image "theirs-$layout" "$registry/notes/theirs-$layout"
    quietly cosign3_sign "$new" --key "$T/p256.key" -a env=prod -a team=blue "$ref"
    check "annotations, $layout by cosign 3: ours accepts" 0 '' '' -- "$verify" "$ref" --key "$T/p256.pub" -a env=prod -a team=blue
    says "annotations, $layout by cosign 3: ours refuses another" 1 'wrong-annotation' -- "$verify" "$ref" --key "$T/p256.pub" -a env=test
    image "ours-$layout" "$registry/notes/ours-$layout"
    check "annotations, $layout: ours signs" 0 '' '' -- "$sign" "$ref" --key "$T/p256.key" --format "$layout" -a env=prod -a team=blue
    check "annotations, $layout by ours: cosign 3 accepts" 0 '' '' -- cosign3_verify --key "$T/p256.pub" -a env=prod -a team=blue "$ref"
    run cosign3_verify --key "$T/p256.pub" -a env=test "$ref"
    assert "annotations, $layout by ours: cosign 3 refuses another" test "$status" -ne 0 -a "$status" -lt 100
    # Scripts read what cosign prints: the same document from ours.
    run cosign3_verify --key "$T/p256.pub" "$ref"
    jq -S . "$T/out" >"$T/theirs.json" 2>/dev/null || true
    run "$verify" "$ref" --key "$T/p256.pub" --output json
    jq -S . "$T/out" >"$T/ours.json" 2>/dev/null || true
    assert "annotations, $layout: our JSON is cosign's" test -s "$T/ours.json"
    assert "annotations, $layout: our JSON is cosign's, every member" diff "$T/theirs.json" "$T/ours.json"
done

# Blobs.
echo 'a file' >"$T/file"
echo 'a file.' >"$T/file2"
check 'blob: ours signs' 0 '' '' -- "$sign" blob "$T/file" --key "$T/p256.key" --bundle "$T/ours.sigstore.json"
check 'blob by ours: cosign 3 accepts' 0 '' 'Verified OK' -- \
    cosign3 verify-blob --key "$T/p256.pub" --insecure-ignore-tlog=true --bundle "$T/ours.sigstore.json" "$T/file"
run cosign3 verify-blob --key "$T/p256.pub" --insecure-ignore-tlog=true --bundle "$T/ours.sigstore.json" "$T/file2"
assert 'blob by ours: cosign 3 refuses another file' test "$status" -eq 1
quietly cosign3 sign-blob --key "$T/p256.key" --tlog-upload=false --use-signing-config=false -y --bundle "$T/theirs.sigstore.json" "$T/file"
check 'blob by cosign 3: ours accepts' 0 '' '' -- "$verify" blob "$T/file" --bundle "$T/theirs.sigstore.json" --key "$T/p256.pub"
says 'blob by cosign 3: ours refuses another file' 1 'wrong-subject|bad-signature' -- \
    "$verify" blob "$T/file2" --bundle "$T/theirs.sigstore.json" --key "$T/p256.pub"
says 'blob by cosign 3: ours refuses another key' 1 'wrong-signer|bad-signature' -- \
    "$verify" blob "$T/file" --bundle "$T/theirs.sigstore.json" --key "$T/p256-stranger.pub"

# Detached: each writes, the other attaches.
image detached-ours "$registry/detached/ours"
check 'detached: ours writes and uploads nothing' 0 '' '' -- "$sign" "$ref" --key "$T/p256.key" --format legacy --upload=false \
    --output-signature "$T/d.sig" --output-payload "$T/d.payload"
says 'detached: nothing was uploaded' 1 'unsigned' -- "$verify" "$ref" --key "$T/p256.pub"
check 'detached by ours: cosign 3 attaches' 0 '' '' -- \
    cosign3 attach signature --allow-http-registry --signature "$T/d.sig" --payload "$T/d.payload" "$ref"
check 'detached by ours, attached by cosign 3: ours accepts' 0 '' '' -- "$verify" "$ref" --key "$T/p256.pub"
check 'detached by ours, attached by cosign 3: cosign 2 accepts' 0 '' '' -- cosign2_verify --key "$T/p256.pub" "$ref"
image detached-theirs "$registry/detached/theirs"
quietly cosign2_sign --key "$T/p256.key" --upload=false --output-signature "$T/t.sig" --output-payload "$T/t.payload" "$ref"
check 'detached by cosign 2: ours attaches' 0 '' '' -- "$sign" attach signature "$ref" --signature "$T/t.sig" --payload "$T/t.payload"
check 'detached by cosign 2, attached by ours: cosign 3 accepts' 0 '' '' -- cosign3_verify --key "$T/p256.pub" "$ref"
check 'detached by cosign 2, attached by ours: skopeo accepts' 0 '' '' -- skopeo_verify "$T/p256.pub" "$ref"
image detached-bundle "$registry/detached/bundle"
check 'detached: ours writes a bundle' 0 '' '' -- "$sign" "$ref" --key "$T/p256.key" --upload=false --bundle "$T/d.sigstore.json"
check 'detached: ours attaches a bundle' 0 '' '' -- "$sign" attach bundle "$ref" "$T/d.sigstore.json"
check 'detached bundle: cosign 3 accepts' 0 '' '' -- cosign3_verify --key "$T/p256.pub" "$ref"

# Every platform of an index.
for layout in bundle legacy; do
    image "many-$layout" "$registry/many/$layout" --index
    check "recursive, $layout: ours signs" 0 '' '' -- "$sign" "$ref" --key "$T/p256.key" --format "$layout" --recursive
    for child in $digest $children; do
        check "recursive, $layout: cosign 3 accepts each" 0 '' '' -- cosign3_verify --key "$T/p256.pub" "$registry/many/$layout@$child"
    done
    image "one-$layout" "$registry/one/$layout" --index
    check "not recursive, $layout: ours signs" 0 '' '' -- "$sign" "$ref" --key "$T/p256.key" --format "$layout"
    says "not recursive, $layout: the platforms stay unsigned" 1 'unsigned' -- \
        "$verify" "$registry/one/$layout@${children%%$'\n'*}" --key "$T/p256.pub"
done

finish
