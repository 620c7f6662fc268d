#!/bin/bash
# Real registries: docker-registry over plain HTTP, over TLS with its own CA and htpasswd, and with token authentication; two independent
# ones with the referrers API; and OCI layouts. On each: sign, verify, sign again without adding anything, every platform, copy, tree.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

quietly "$sign" generate-key-pair --output-key-prefix "$T/key"
quietly "$sign" generate-key-pair --output-key-prefix "$T/stranger"
key=$T/key.key
pub=$T/key.pub

# registry_get PATH: what a plain registry answers, with manifests in every form accepted.
registry_get()
{
    curl -sf -H 'Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json' "http://$registry/v2/$1"
}

# How many signatures hang on DIGEST of REPOSITORY: layers of the .sig tag, referrers by API or by fallback tag.
count_legacy()
{
    registry_get "$1/manifests/${2/:/-}.sig" | jq '.layers | length'
}

count_bundles()
{
    { registry_get "$1/referrers/$2" || registry_get "$1/manifests/${2/:/-}"; } | jq '.manifests | length'
}

# suite LABEL: the same for every registry that needs no credentials; $registry is set.
suite()
{
    local label=$1 format child before after log
    for format in bundle legacy bundle,legacy; do
        image "$label-$format" "$registry/$label/${format/,/-}"
        says "$label, $format: unsigned" 1 'unsigned' -- "$verify" "$ref" --key "$pub"
        check "$label, $format: signs" 0 '' '' -- "$sign" "$ref" --key "$key" --format "$format"
        check "$label, $format: verifies by digest" 0 '' '' -- "$verify" "$ref" --key "$pub"
        check "$label, $format: verifies by tag" 0 "$digest" '' -- "$verify" "${ref%@*}:v1" --key "$pub"
        says "$label, $format: another key" 1 'wrong-signer|bad-signature' -- "$verify" "$ref" --key "$T/stranger.pub"
        check "$label, $format: either of two keys" 0 '' '' -- "$verify" "$ref" --key "$T/stranger.pub" --key "$pub"
        before="$(count_legacy "$label/${format/,/-}" "$digest") $(count_bundles "$label/${format/,/-}" "$digest")"
        check "$label, $format: signs again" 0 '' '' -- "$sign" "$ref" --key "$key" --format "$format"
        after="$(count_legacy "$label/${format/,/-}" "$digest") $(count_bundles "$label/${format/,/-}" "$digest")"
        assert "$label, $format: signing again adds nothing ($before)" test -n "${before// /}" -a "$before" = "$after"
        check "$label, $format: a second key signs" 0 '' '' -- "$sign" "$ref" --key "$T/stranger.key" --format "$format"
        after="$(count_legacy "$label/${format/,/-}" "$digest") $(count_bundles "$label/${format/,/-}" "$digest")"
        assert "$label, $format: which adds one ($after)" test "$before" != "$after"
        check "$label, $format: the second key verifies" 0 '' '' -- "$verify" "$ref" --key "$T/stranger.pub"
        check "$label, $format: the first still does" 0 '' '' -- "$verify" "$ref" --key "$pub"
        check "$label, $format: cosign 3 agrees" 0 '' '' -- cosign3_verify --key "$pub" "$ref"
        check "$label, $format: tree" 0 "sha256:" '' -- "$verify" tree "$ref"

        image "$label-$format-many" "$registry/$label/${format/,/-}-many" --index
        check "$label, $format: signs every platform" 0 '' '' -- "$sign" "$ref" --key "$key" --format "$format" --recursive
        for child in $digest $children; do
            check "$label, $format: verifies ${child:0:14}" 0 '' '' -- "$verify" "${ref%@*}@$child" --key "$pub"
        done
        check "$label, $format: two images in one call" 0 '' '' -- \
            "$verify" "$ref" "$registry/$label/${format/,/-}:v1" --key "$pub"

        # Everything that hangs on the image goes along, into a layout and back, to another repository, and says the same there.
        for to in "oci:$T/copy-$label-$format:v1" "$registry/$label/${format/,/-}-copy:v1"; do
            log=$to
            [ "${to#oci:}" = "$to" ] || log=layout
            check "$label, $format: copies to $log" 0 '' '' -- "$sign" copy "$ref" "$to"
            check "$label, $format: which verifies there" 0 "$digest" '' -- "$verify" "$to" --key "$pub"
            says "$label, $format: and is refused there with another key" 1 'wrong-signer|bad-signature' -- "$verify" "$to" --key "$T/stranger.pub"
        done
        check "$label, $format: copies from the layout" 0 '' '' -- \
            "$sign" copy "oci:$T/copy-$label-$format:v1" "$registry/$label/${format/,/-}-back:v1"
        check "$label, $format: which verifies by cosign 3" 0 '' '' -- cosign3_verify --key "$pub" "$registry/$label/${format/,/-}-back@$digest"
        check "$label, $format: and its platforms by ours" 0 '' '' -- \
            "$verify" "$registry/$label/${format/,/-}-back@${children%%$'\n'*}" --key "$pub"
    done
}

start_registry plain plain
suite plain
image tagged "$registry/plain/tagged"
says 'plain: signing a tag prints the digest and warns' 0 "$digest" -- "$sign" "$registry/plain/tagged:v1" --key "$key"
assert 'plain: the warning is on standard error' seen 'tag|digest' "$T/err"
image strict "$registry/plain/strict"
sentence 'plain: --require-digest refuses a tag' 2 'digest' -- "$sign" "$registry/plain/strict:v1" --key "$key" --require-digest
says 'plain: and leaves it unsigned' 1 'unsigned' -- "$verify" "$ref" --key "$pub"

# Eight signers of one image at once: the fallback tag is rewritten by all, and none may lose another's entry.
image crowd "$registry/plain/crowd"
crowd=()
for i in 1 2 3 4 5 6 7 8; do
    quietly "$sign" generate-key-pair --output-key-prefix "$T/crowd-$i"
    "$sign" "$ref" --key "$T/crowd-$i.key" >"$T/crowd-$i.out" 2>&1 </dev/null &
    crowd+=("$!")
done
for i in 1 2 3 4 5 6 7 8; do
    status=0
    wait "${crowd[$((i - 1))]}" || status=$?
    assert "plain: signer $i of eight at once" test "$status" -eq 0
done
for i in 1 2 3 4 5 6 7 8; do
    check "plain: signature $i of eight is there" 0 '' '' -- "$verify" "$ref" --key "$T/crowd-$i.pub"
done

for kind in ggcr ocimem; do
    start_goregistry "$kind" "$kind"
    suite "$kind"
done

# A layout, with no server at all; what is signed there verifies when another program has carried it to a registry.
layout local
check 'layout: signs' 0 '' '' -- "$sign" "oci:$T/local:v1" --key "$key" --format bundle,legacy
check 'layout: verifies by tag' 0 "$digest" '' -- "$verify" "oci:$T/local:v1" --key "$pub"
check 'layout: verifies by digest' 0 '' '' -- "$verify" "oci:$T/local@$digest" --key "$pub"
says 'layout: another key' 1 'wrong-signer|bad-signature' -- "$verify" "oci:$T/local:v1" --key "$T/stranger.pub"
run sha256sum "$T/local/index.json"
before=$(cat "$T/out")
check 'layout: signs again' 0 '' '' -- "$sign" "oci:$T/local:v1" --key "$key" --format bundle,legacy
assert 'layout: signing again changes nothing' test "$before" = "$(sha256sum "$T/local/index.json")"
check 'layout: tree' 0 'sha256:' '' -- "$verify" tree "oci:$T/local:v1"
check 'layout: oras carries it to a registry' 0 '' '' -- oras copy -r --from-oci-layout "$T/local:v1" --to-plain-http "$registry/local/oras:v1"
check 'layout: and it verifies there' 0 "$digest" '' -- "$verify" "$registry/local/oras:v1" --key "$pub"
check 'layout: and by cosign 3' 0 '' '' -- cosign3_verify --key "$pub" "$registry/local/oras@$digest"
check 'layout: copies to a layout' 0 '' '' -- "$sign" copy "oci:$T/local:v1" "oci:$T/local2:v1"
check 'layout: which verifies' 0 "$digest" '' -- "$verify" "oci:$T/local2:v1" --key "$pub"

# TLS with a CA of its own, htpasswd.
AUTHFILE=$T/skopeo-auth.json
login_file()
{
    printf '{"auths":{"%s":{"auth":"%s"}}}' "$1" "$(printf '%s' "$2" | base64 -w0)" >"$3"
}
start_registry secure tls-htpasswd
ca=$T/secure/ca.pem
login_file "$registry" alice:secret "$AUTHFILE"
image secure-image "$registry/secure/image"
mkdir -p "$T/docker" "$T/docker-wrong"
login_file "$registry" alice:secret "$T/docker/config.json"
login_file "$registry" alice:guess "$T/docker-wrong/config.json"
printf 'secret' >"$T/password"
printf 'guess' >"$T/guess"
with_password()
{
    local file=$1
    shift
    "$@" <"$file"
}
export -f with_password
check 'TLS, htpasswd: signs with the password from standard input' 0 '' '' -- with_password "$T/password" "$sign" "$ref" --key "$key" \
    --format bundle,legacy --registry-cacert "$ca" --registry-username alice --registry-password-stdin
check 'TLS, htpasswd: verifies with it' 0 '' '' -- with_password "$T/password" "$verify" "$ref" --key "$pub" \
    --registry-cacert "$ca" --registry-username alice --registry-password-stdin
says 'TLS, htpasswd: wrong password' 3 'registry-auth' -- with_password "$T/guess" "$verify" "$ref" --key "$pub" \
    --registry-cacert "$ca" --registry-username alice --registry-password-stdin
check 'TLS, htpasswd: verifies with Docker'"'"'s configuration' 0 '' '' -- env DOCKER_CONFIG="$T/docker" "$verify" "$ref" --key "$pub" --registry-cacert "$ca"
check 'TLS, htpasswd: verifies with REGISTRY_AUTH_FILE' 0 '' '' -- env REGISTRY_AUTH_FILE="$AUTHFILE" "$verify" "$ref" --key "$pub" --registry-cacert "$ca"
says 'TLS, htpasswd: a wrong password there' 3 'registry-auth' -- env DOCKER_CONFIG="$T/docker-wrong" "$verify" "$ref" --key "$pub" --registry-cacert "$ca"
says 'TLS, htpasswd: no credentials' 3 'registry-auth' -- "$verify" "$ref" --key "$pub" --registry-cacert "$ca"
says 'TLS, htpasswd: unknown CA' 3 'registry-unreachable.*certificate|certificate.*registry-unreachable' -- \
    env DOCKER_CONFIG="$T/docker" "$verify" "$ref" --key "$pub"
printf 'version: 1\nregistries:\n  %s:\n    ca: %s\n    credentials: {file: %s}\n' "$registry" "$ca" "$T/docker/config.json" >"$T/registries.yaml"
check 'TLS, htpasswd: verifies with registries.yaml' 0 '' '' -- "$verify" "$ref" --key "$pub" --registries "$T/registries.yaml"
check 'TLS, htpasswd: tree' 0 'sha256:' '' -- "$verify" tree "$ref" --registries "$T/registries.yaml"
mkdir -p "$T/helpers"
# A credential helper that answers for this registry only.
cat >"$T/helpers/docker-credential-test" <<END
#!/bin/sh
read -r host
if [ "\$1 \$host" = "get $registry" ]; then
    printf '{"ServerURL":"%s","Username":"bob","Secret":"secret"}' "\$host"
else
    echo 'credentials not found in native keychain'
    exit 1
fi
END
chmod +x "$T/helpers/docker-credential-test"
mkdir -p "$T/docker-helper"
printf '{"credHelpers":{"%s":"test"}}' "$registry" >"$T/docker-helper/config.json"
check 'TLS, htpasswd: verifies with a credential helper' 0 '' '' -- env PATH="$T/helpers:$PATH" DOCKER_CONFIG="$T/docker-helper" "$verify" "$ref" \
    --key "$pub" --registry-cacert "$ca"
sed 's/"Secret":"secret"/"Secret":"guess"/' "$T/helpers/docker-credential-test" >"$T/helpers/docker-credential-wrong"
chmod +x "$T/helpers/docker-credential-wrong"
mkdir -p "$T/docker-helper-wrong"
printf '{"credHelpers":{"%s":"wrong"}}' "$registry" >"$T/docker-helper-wrong/config.json"
says 'TLS, htpasswd: a helper with another password' 3 'registry-auth' -- env PATH="$T/helpers:$PATH" DOCKER_CONFIG="$T/docker-helper-wrong" \
    "$verify" "$ref" --key "$pub" --registry-cacert "$ca"
check 'TLS, htpasswd: cosign 3 accepts what ours signed' 0 '' '' -- env DOCKER_CONFIG="$T/docker" cosign3 verify --insecure-ignore-tlog=true \
    --registry-cacert "$ca" --key "$pub" "$ref"

# Tokens: the registry answers 401 with a realm, the token server asks for the password.
start_registry tokens token
login_file "$registry" alice:secret "$AUTHFILE"
login_file "$registry" alice:secret "$T/docker/config.json"
login_file "$registry" alice:guess "$T/docker-wrong/config.json"
image token-image "$registry/private/image"
private=$digest
check 'tokens: signs' 0 '' '' -- env DOCKER_CONFIG="$T/docker" "$sign" "$ref" --key "$key" --format bundle,legacy
check 'tokens: verifies' 0 '' '' -- env DOCKER_CONFIG="$T/docker" "$verify" "$ref" --key "$pub"
check 'tokens: verifies with the password from standard input' 0 '' '' -- with_password "$T/password" "$verify" "$ref" --key "$pub" \
    --registry-username alice --registry-password-stdin
says 'tokens: wrong password' 3 'registry-auth' -- env DOCKER_CONFIG="$T/docker-wrong" "$verify" "$ref" --key "$pub"
says 'tokens: no credentials' 3 'registry-auth' -- "$verify" "$ref" --key "$pub"
mkdir -p "$T/docker-identity"
printf '{"auths":{"%s":{"auth":"%s","identitytoken":"refresh-alice"}}}' "$registry" "$(printf '00000000-0000-0000-0000-000000000000:' | base64 -w0)" \
    >"$T/docker-identity/config.json"
check 'tokens: verifies with an identity token' 0 '' '' -- env DOCKER_CONFIG="$T/docker-identity" "$verify" "$ref" --key "$pub"
image token-public "$registry/public/image"
check 'tokens: signs a public image' 0 '' '' -- env DOCKER_CONFIG="$T/docker" "$sign" "$ref" --key "$key"
check 'tokens: anyone verifies a public image' 0 '' '' -- "$verify" "$ref" --key "$pub"
says 'tokens: nobody without credentials signs it' 3 '401.*no credentials' -- "$sign" "$ref" --key "$T/stranger.key"
check 'tokens: copies from one repository to another' 0 '' '' -- env DOCKER_CONFIG="$T/docker" "$sign" copy "$registry/private/image:v1" "$registry/public/copy:v1"
check 'tokens: and the copy verifies' 0 "$private" '' -- "$verify" "$registry/public/copy:v1" --key "$pub"
asked=$(grep -c /token "$T/tokens-tokens.log")
run env DOCKER_CONFIG="$T/docker" "$verify" "$registry/private/image:v1" "$registry/private/image@$private" --key "$pub"
asked=$(($(grep -c /token "$T/tokens-tokens.log") - asked))
assert "tokens: one token serves a whole command (asked $asked times)" test "$asked" -eq 1
assert 'tokens: the password is in no log of the registry' lacks secret "$T/tokens.log"

finish
