#!/bin/bash
# How a host is reached: certs.d and client certificates, registries.yaml with mirrors and places of evidence, plain HTTP, proxies.
# Beside every refusal stands the same command accepted.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

quietly "$sign" generate-key-pair --output-key-prefix "$T/key"
quietly "$sign" generate-key-pair --output-key-prefix "$T/stranger"
key=$T/key.key
pub=$T/key.pub
certs=$HOME/.config/containers/certs.d
unreachable='registry-unreachable.*'

# asked NAME: lines of a registry's access log, or of the proxy's.
asked()
{
    wc -l <"$T/$1.log"
}

# with_login HOST CMD...: alice's credentials for the host, in a file.
with_login()
{
    printf '{"auths":{"%s":{"auth":"%s"}}}' "$1" "$(printf 'alice:secret' | base64 -w0)" >"$T/login.json"
    shift
    "$@" --authfile "$T/login.json"
}
export -f with_login

# --- certs.d: the registry's own CA ---

start_registry tls tls
image tls-image "$registry/tls/image"
says 'certs.d: none, and the CA is not known' 3 "${unreachable}certificate" -- "$verify" "$ref" --key "$pub"
mkdir -p "$certs/$registry"
says 'certs.d: a folder with nothing in it' 3 "${unreachable}certificate" -- "$verify" "$ref" --key "$pub"
cp "$T/tls/ca.pem" "$certs/$registry/ca.crt"
says 'certs.d: ca.crt, unsigned' 1 'unsigned' -- "$verify" "$ref" --key "$pub"
check 'certs.d: ca.crt, signs' 0 '' '' -- "$sign" "$ref" --key "$key" --format bundle,legacy
check 'certs.d: ca.crt, verifies' 0 "$digest" '' -- "$verify" "$ref" --key "$pub"
check 'certs.d: ca.crt, tree' 0 'sha256:' '' -- "$verify" tree "$ref"
check 'certs.d: ca.crt, copies into a layout' 0 '' '' -- "$sign" copy "$ref" "oci:$T/tls-copy:v1"
mkdir "$T/strange"
make_ca "$T/strange"
cp "$T/strange/ca.pem" "$certs/$registry/ca.crt"
says 'certs.d: another CA' 3 "${unreachable}certificate" -- "$verify" "$ref" --key "$pub"
says 'certs.d: another CA, signing' 3 'certificate' -- "$sign" "$ref" --key "$key"
cp "$T/tls/ca.pem" "$certs/$registry/second.crt"
check 'certs.d: the right CA beside another' 0 '' '' -- "$verify" "$ref" --key "$pub"
echo 'not a certificate' >"$certs/$registry/ca.crt"
sentence 'certs.d: a .crt without a certificate, signing' 2 'ca.crt: holds no PEM certificate' -- "$sign" "$ref" --key "$key"
says 'certs.d: a .crt without a certificate' 3 'ca.crt: holds no PEM certificate' -- "$verify" "$ref" --key "$pub"
rm "$certs/$registry/ca.crt"
check 'certs.d: the rest of the folder is right' 0 '' '' -- "$verify" "$ref" --key "$pub"

# --- certs.d: a client certificate ---

start_registry client tls-client
folder=$certs/$registry
mkdir "$folder"
cp "$T/client/ca.pem" "$folder/ca.crt"
client_pair "$T/client" "$T/right"
client_pair "$T/strange" "$T/wrong"
cp "$T/right.cert" "$folder/client.cert"
cp "$T/right.key" "$folder/client.key"
image client-image "$registry/client/image"
check 'client certificate: signs' 0 '' '' -- "$sign" "$ref" --key "$key"
check 'client certificate: verifies' 0 "$digest" '' -- "$verify" "$ref" --key "$pub"
says 'client certificate: another key' 1 'wrong-signer|bad-signature' -- "$verify" "$ref" --key "$T/stranger.pub"
rm "$folder/client.cert"
says 'client certificate: half a pair' 3 'client.key has no .cert beside it' -- "$verify" "$ref" --key "$pub"
cp "$T/right.cert" "$folder/client.crt"
says 'client certificate: under the name of a CA' 3 'client certificate ends in .cert' -- "$verify" "$ref" --key "$pub"
rm "$folder/client.crt" "$folder/client.key"
says 'client certificate: none' 3 "${unreachable}certificate" -- "$verify" "$ref" --key "$pub" --timeout 10s
cp "$T/wrong.cert" "$folder/client.cert"
cp "$T/wrong.key" "$folder/client.key"
says 'client certificate: of another CA' 3 "${unreachable}certificate" -- "$verify" "$ref" --key "$pub" --timeout 10s
cp "$T/right.cert" "$folder/client.cert"
says 'client certificate: with another key' 3 "client certificate" -- "$verify" "$ref" --key "$pub" --timeout 10s
rm -r "$folder"
says 'client certificate: none, on the command line' 3 "${unreachable}certificate" -- "$verify" "$ref" --key "$pub" \
    --registry-cacert "$T/client/ca.pem" --timeout 10s
check 'client certificate: on the command line' 0 '' '' -- "$verify" "$ref" --key "$pub" \
    --registry-cacert "$T/client/ca.pem" --registry-client-cert "$T/right.cert" --registry-client-key "$T/right.key"

# --- registries.yaml: mirrors ---

# yaml NAME LINE...: $T/NAME.yaml, which says the lines of the host $origin.
yaml()
{
    local name=$1 line
    shift
    printf 'version: 1\nregistries:\n  %s:\n' "$origin" >"$T/$name.yaml"
    for line in "$@"; do printf '    %s\n' "$line" >>"$T/$name.yaml"; done
}

# stored REGISTRY DIGEST: the file of a blob in a docker-registry.
stored()
{
    echo "$T/$1/store/docker/registry/v2/blobs/sha256/${2:7:2}/${2:7}/data"
}

# manifest_of NAME: of app/image at $origin.
manifest_of()
{
    curl -sf -H 'Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json' \
        "http://$origin/v2/app/image/manifests/$1"
}

# damage FILE: other bytes of the same length. The registry may hold it open for reading only.
damage()
{
    local size
    size=$(stat -c %s "$1")
    tr 'a-y' 'b-z' <"$1" >"$1.new"
    mv "$1.new" "$1"
    test "$size" -eq "$(stat -c %s "$1")"
}

start_registry mirror plain
mirror=$registry
start_registry origin plain
origin=$registry
image mirrored "$origin/app/image"
check 'mirror: signs at the original' 0 '' '' -- "$sign" "$ref" --key "$key" --format bundle,legacy
quietly oras copy -r --from-plain-http --to-plain-http "$ref" "$mirror/hub/app/image:v1"
signature=$(manifest_of "${digest/:/-}" | jq -r '.manifests[0].digest')
bundle=$(manifest_of "$signature" | jq -r '.layers[0].digest')
assert 'mirror: holds the signature too' test -s "$(stored mirror "$bundle")"
by_digest="\"GET /v2/app/image/(manifests|blobs)/sha256:"
yaml mirrors "mirrors: [$mirror/hub]"
before=$(asked origin)
check 'mirror: verifies' 0 "$digest" '' -- "$verify" "$ref" --key "$pub" --registries "$T/mirrors.yaml"
assert 'mirror: gave what digests name' seen '"GET /v2/hub/app/image/blobs/sha256:.* 200 ' "$T/mirror.log"
tail -n "+$((before + 1))" "$T/origin.log" >"$T/origin.new"
assert 'mirror: nothing by digest was asked of the original' lacks "$by_digest" -E "$T/origin.new"
says 'mirror: another key' 1 'wrong-signer|bad-signature' -- "$verify" "$ref" --key "$T/stranger.pub" --registries "$T/mirrors.yaml"
push tls-image "$mirror/hub/app/image:v1" # another image under the same tag
check 'mirror: a tag is the original'"'"'s word' 0 "$digest" '' -- "$verify" "$origin/app/image:v1" --key "$pub" --registries "$T/mirrors.yaml"
check 'mirror: signing a tag signs what it names at the original' 0 "$digest" '' -- "$sign" "$origin/app/image:v1" --key "$key" --registries "$T/mirrors.yaml"
yaml down "mirrors: [127.0.0.1:$(closed_port)]"
check 'mirror: not there' 0 "$digest" '' -- "$verify" "$ref" --key "$pub" --registries "$T/down.yaml" --timeout 20s
yaml other "mirrors: [$mirror/other, $mirror/hub]"
check 'mirror: the first has nothing, the second all' 0 "$digest" '' -- "$verify" "$ref" --key "$pub" --registries "$T/other.yaml"
yaml empty "mirrors: [$mirror/other]"
check 'mirror: has nothing' 0 "$digest" '' -- "$verify" "$ref" --key "$pub" --registries "$T/empty.yaml"
for what in "$bundle" "$signature" "$digest"; do
    damage "$(stored mirror "$what")"
done
check 'mirror: other bytes are passed over' 0 "$digest" '' -- "$verify" "$ref" --key "$pub" --registries "$T/mirrors.yaml"
mkdir "$T/away"
quietly mv "$(stored origin "$bundle")" "$T/away/bundle"
says 'mirror: other bytes, and the original has none' 3 'not-found|malformed|registry-unreachable' -- \
    "$verify" "$ref" --key "$T/stranger.pub" --registries "$T/mirrors.yaml" --timeout 5s
quietly mv "$T/away/bundle" "$(stored origin "$bundle")"
says 'mirror: other bytes, and the original has the right ones' 1 'wrong-signer|bad-signature' -- \
    "$verify" "$ref" --key "$T/stranger.pub" --registries "$T/mirrors.yaml"
stop "$pid"
says 'mirror: up, and the original down' 3 'registry-unreachable' -- "$verify" "$ref" --key "$pub" --registries "$T/mirrors.yaml" --timeout 5s

# --- registries.yaml: further places of evidence ---

start_registry apart plain
origin=$registry
image apart-image "$origin/apart/image"
check 'evidence: signs in another repository' 0 '' '' -- env COSIGN_REPOSITORY="$origin/apart/signatures" "$sign" "$ref" --key "$key"
assert 'evidence: which is asked once for what is there' test \
    "$(grep -c "\"GET /v2/apart/signatures/manifests/${digest/:/-}.sig" "$T/apart.log")" -eq 1
quietly env COSIGN_REPOSITORY="$origin/apart/theirs" bash -c 'cosign3_sign false --key "$0" "$1"' "$T/key.key" "$ref"
says 'evidence: nobody says where' 1 'unsigned' -- "$verify" "$ref" --key "$pub"
check 'evidence: COSIGN_REPOSITORY says' 0 '' '' -- env COSIGN_REPOSITORY="$origin/apart/signatures" "$verify" "$ref" --key "$pub"
yaml ours "evidence: [$origin/apart/signatures]"
yaml theirs "evidence: [$origin/apart/theirs]"
yaml neither "evidence: [$origin/apart/elsewhere]"
for place in ours theirs; do
    check "evidence: registries.yaml says, $place" 0 "$digest" '' -- "$verify" "$ref" --key "$pub" --registries "$T/$place.yaml"
    says "evidence: registries.yaml says, $place, another key" 1 'wrong-signer|bad-signature' -- \
        "$verify" "$ref" --key "$T/stranger.pub" --registries "$T/$place.yaml"
done
says 'evidence: none in the place that it says' 1 'unsigned' -- "$verify" "$ref" --key "$pub" --registries "$T/neither.yaml"
check 'evidence: comes along in a copy' 0 '' '' -- "$sign" copy "$ref" "oci:$T/gathered:v1" --registries "$T/ours.yaml"
check 'evidence: and holds there' 0 "$digest" '' -- "$verify" "oci:$T/gathered:v1" --key "$pub"
yaml gone "evidence: [127.0.0.1:$(closed_port)/signatures]"
says 'evidence: a place that is down' 3 'registry-unreachable' -- "$verify" "$ref" --key "$pub" --registries "$T/gone.yaml" --timeout 5s
image own-image "$origin/apart/own"
quietly "$sign" "$ref" --key "$key"
check 'evidence: a place that is down is not needed' 0 "$digest" '' -- "$verify" "$ref" --key "$pub" --registries "$T/gone.yaml" --timeout 5s

# Air gap: what was signed elsewhere came in a folder.
image gap "$origin/gap/image"
says 'air gap: unsigned' 1 'unsigned' -- "$verify" "$ref" --key "$pub"
mkdir "$T/media"
for name in signed unsigned damaged; do
    quietly "$sign" copy "$ref" "oci:$T/media/$name:v1"
done
for name in signed damaged; do
    quietly "$sign" "oci:$T/media/$name:v1" --key "$key" --format bundle
done
for name in signed unsigned damaged missing; do
    yaml "$name" "evidence: ['oci:media/$name']" # beside the file
done
bundle=$(grep -l '"dsseEnvelope"' "$T"/media/damaged/blobs/sha256/*)
damage "$bundle"
check 'air gap: a layout has the signature' 0 "$digest" '' -- "$verify" "$ref" --key "$pub" --registries "$T/signed.yaml"
check 'air gap: the same from another folder' 0 "$digest" '' -- env -C / "$verify" "$ref" --key "$pub" --registries "$T/signed.yaml"
says 'air gap: another key' 1 'wrong-signer|bad-signature' -- "$verify" "$ref" --key "$T/stranger.pub" --registries "$T/signed.yaml"
says 'air gap: a layout without it' 1 'unsigned' -- "$verify" "$ref" --key "$pub" --registries "$T/unsigned.yaml"
says 'air gap: a damaged layout' 3 'malformed' -- "$verify" "$ref" --key "$pub" --registries "$T/damaged.yaml"
says 'air gap: no layout' 3 'media/missing: no such folder' -- "$verify" "$ref" --key "$pub" --registries "$T/missing.yaml"

# --- registries.yaml: what it may say ---

check 'registries.yaml: a good one' 0 '' '' -- "$verify" "$ref" --key "$pub" --registries "$T/signed.yaml"
refused()
{
    yaml refused "$2"
    sentence "registries.yaml: $1" 2 "refused.yaml:$3: .*$4" -- "$verify" "$ref" --key "$pub" --registries "$T/refused.yaml"
    sentence "registries.yaml: $1, signing" 2 "refused.yaml:$3: .*$4" -- "$sign" "$ref" --key "$key" --registries "$T/refused.yaml"
}
refused 'an unknown key' 'evidense: []' 4:5 'unknown key "evidense"; did you mean "evidence"'
refused 'a key of cosign' 'insecure: true' 4:5 'unknown key "insecure"'
refused 'a text for a list' "evidence: $origin/apart/signatures" 4:15 'a list is wanted'
refused 'a text for a truth' 'plain-http: yes' 4:17 'true or false'
refused 'a place with a tag' "evidence: ['$origin/apart/signatures:v1']" 4:16 'no tag and no digest'
refused 'a place without its host' 'evidence: [apart/signatures]' 4:16 'write the host'
refused 'half a client pair' 'client: {cert: client.pem}' 4:13 'both cert and key'
refused 'a CA that is not there' 'ca: nowhere.pem' 4:9 'nowhere.pem'
refused 'no requests at all' 'parallel: 0' 4:15 'a number from 1'
printf 'version: 2\n' >"$T/refused.yaml"
sentence 'registries.yaml: another version' 2 'refused.yaml:1:10: version 1' -- "$verify" "$ref" --key "$pub" --registries "$T/refused.yaml"
sentence 'registries.yaml: not there' 2 'nowhere.yaml' -- "$verify" "$ref" --key "$pub" --registries "$T/nowhere.yaml"

# --- Proxies ---

# proxy NAME OPTION...: starts proxy.py; sets $proxy to host:port.
proxy()
{
    local name=$1
    shift
    server "$name" python3 "$here/proxy.py" --addr-file "$T/$name.addr" "$@"
    wait_for 10 test -s "$T/$name.addr" || no_server "$name"
    proxy=$(cat "$T/$name.addr")
}

start_registry secure tls-htpasswd
AUTHFILE=$T/auth.json
printf '{"auths":{"%s":{"auth":"%s"}}}' "$registry" "$(printf 'alice:secret' | base64 -w0)" >"$AUTHFILE"
image secure-image "$registry/secure/image"
check 'proxy: signs without one' 0 '' '' -- "$sign" "$ref" --key "$key" --registry-cacert "$T/secure/ca.pem" --authfile "$AUTHFILE"

# registry.test has no address but the proxy's.
named=registry.test:${registry#*:}
ref=$named/secure/image@$digest
printf '{"auths":{"%s":{"auth":"%s"}}}' "$named" "$(printf 'alice:secret' | base64 -w0)" >"$AUTHFILE"
through=("$verify" "$ref" --key "$pub" --registry-cacert "$T/secure/ca.pem" --authfile "$AUTHFILE" --timeout 20s)
proxy proxy
open=$proxy
says 'proxy: none' 3 "${unreachable}host name not found" -- "${through[@]}"
for variable in https_proxy HTTPS_PROXY all_proxy ALL_PROXY; do
    check "proxy: $variable" 0 "$digest" '' -- env "$variable=http://$open" "${through[@]}"
done
for variable in http_proxy HTTP_PROXY; do
    says "proxy: $variable is not for https" 3 "${unreachable}host name not found" -- env "$variable=http://$open" "${through[@]}"
done
assert 'proxy: was asked for tunnels only' lacks -v "^CONNECT $named 200" "$T/proxy.log"
assert 'proxy: saw no credentials' lacks 'authorization' "$T/proxy.log"
before=$(asked proxy)
for list in registry.test .test "10.0.0.0/8,registry.test" '*'; do
    says "proxy: NO_PROXY=$list" 3 "${unreachable}host name not found" -- env HTTPS_PROXY="http://$open" NO_PROXY="$list" "${through[@]}"
done
assert 'proxy: was asked for none of these' test "$before" -eq "$(asked proxy)"
check 'proxy: NO_PROXY names others' 0 "$digest" '' -- env HTTPS_PROXY="http://$open" NO_PROXY=gistry.test,10.0.0.0/8 "${through[@]}"
before=$(asked proxy)
check 'proxy: loopback is reached directly' 0 '' '' -- with_login "$registry" \
    env HTTPS_PROXY="http://$open" https_proxy="http://$open" "$verify" "$registry/secure/image@$digest" --key "$pub" --registry-cacert "$T/secure/ca.pem"
assert 'proxy: was not asked for loopback' test "$before" -eq "$(asked proxy)"
says 'proxy: not there' 3 "${unreachable}proxy refused" -- env HTTPS_PROXY="http://127.0.0.1:$(closed_port)" "${through[@]}"
says 'proxy: its name is not known' 3 "${unreachable}proxy" -- env HTTPS_PROXY=http://proxy.invalid:3128 "${through[@]}"
says 'proxy: cannot reach the host' 3 "${unreachable}proxy.*502" -- env HTTPS_PROXY="http://$open" \
    "$verify" "other.test/secure/image@$digest" --key "$pub" --timeout 5s
proxy forbidding --forbid
says 'proxy: forbids' 3 "${unreachable}proxy.*403" -- env HTTPS_PROXY="http://$proxy" "${through[@]}"
assert 'proxy: is not asked again when it forbids' test "$(asked forbidding)" -le 3

# Its credentials stand in its URL.
proxy guarded --user 'worker:pass@word'
check 'proxy credentials: right' 0 "$digest" '' -- env HTTPS_PROXY="http://worker:pass%40word@$proxy" "${through[@]}"
assert 'proxy credentials: given' seen 'CONNECT .* 200 proxy-authorization$' "$T/guarded.log"
for user in '' worker:pass@ worker:guess@ other:pass%40word@; do
    before=$(asked guarded)
    says "proxy credentials: ${user:-none}" 3 "${unreachable}the proxy asks for credentials \(407\)" -- env HTTPS_PROXY="http://$user$proxy" "${through[@]}"
    assert "proxy credentials: ${user:-none}, each request asks once" test "$(($(asked guarded) - before))" -le 3
    assert "proxy credentials: ${user:-none}, not in the message" lacks "guess\|pass" "$T/out" "$T/err"
done
assert 'proxy credentials: the registry'"'"'s never went to the proxy' lacks ' authorization' "$T/guarded.log"
check 'proxy credentials: signs' 0 '' '' -- env HTTPS_PROXY="http://worker:pass%40word@$proxy" "$sign" "$ref" --key "$T/stranger.key" \
    --registry-cacert "$T/secure/ca.pem" --authfile "$AUTHFILE"
check 'proxy credentials: and that verifies' 0 '' '' -- env HTTPS_PROXY="http://worker:pass%40word@$proxy" "${through[@]}" --key "$T/stranger.pub"

# Plain HTTP, only where it is said: then the proxy sees whole requests.
AUTHFILE=
start_registry plain plain
image plain-image "$registry/plain/image"
quietly "$sign" "$ref" --key "$key"
named=registry.test:${registry#*:}
ref=$named/plain/image@$digest
printf 'version: 1\nregistries:\n  %s:\n    plain-http: true\n' "$named" >"$T/plain.yaml"
printf 'version: 1\nregistries:\n  %s:\n    plain-http: false\n' "$named" >"$T/tls.yaml"
printf 'version: 1\nregistries:\n  registry.test:\n    plain-http: true\n' >"$T/port.yaml"
through=("$verify" "$ref" --key "$pub" --timeout 5s)
check 'plain HTTP: registries.yaml says so' 0 "$digest" '' -- env http_proxy="http://$open" "${through[@]}" --registries "$T/plain.yaml"
check 'plain HTTP: the command line says so' 0 "$digest" '' -- env http_proxy="http://$open" "${through[@]}" --allow-http-registry
assert 'plain HTTP: the proxy was asked' seen "^GET http://$named/v2/plain/image/" "$T/proxy.log"
before=$(asked proxy)
for file in tls port; do
    says "plain HTTP: $file.yaml does not" 3 "${unreachable}TLS" -- env http_proxy="http://$open" https_proxy="http://$open" \
        "${through[@]}" --registries "$T/$file.yaml"
done
says 'plain HTTP: nothing says so' 3 "${unreachable}TLS" -- env http_proxy="http://$open" https_proxy="http://$open" "${through[@]}"
assert 'plain HTTP: and none was spoken' lacks -v '^CONNECT' <(tail -n "+$((before + 1))" "$T/proxy.log")
says 'plain HTTP: HTTP_PROXY in capitals is not read' 3 "${unreachable}host name not found" -- env HTTP_PROXY="http://$open" \
    "${through[@]}" --registries "$T/plain.yaml"
check 'plain HTTP: proxy credentials' 0 "$digest" '' -- env http_proxy="http://worker:pass%40word@$proxy" "${through[@]}" --registries "$T/plain.yaml"
says 'plain HTTP: wrong proxy credentials' 3 "${unreachable}the proxy asks for credentials \(407\)" -- env http_proxy="http://worker:guess@$proxy" \
    "${through[@]}" --registries "$T/plain.yaml"

finish
