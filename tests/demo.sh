#!/bin/sh
# The main job on the embedded default: an image in an OCI layout is signed and judged; then the same over a real
# registry on loopback. Every step says what it shows and fails if it is not so.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
PATH=$here/bin:$PATH
work=$(mktemp -d)
registry=
webhook=
cleanup()
{
    [ -z "$webhook" ] || kill "$webhook" 2>/dev/null || :
    [ -z "$registry" ] || kill "$registry" 2>/dev/null || :
    rm -rf "$work"
}
trap cleanup EXIT INT TERM
cd "$work"
export COSIGN_PASSWORD=demo

say() { printf '\n== %s\n' "$*"; }

# expect STATUS WORD COMMAND...: run it, show it, check its exit status and a word of what it says
expect()
{
    status=$1 word=$2
    shift 2
    printf '$ %s\n' "$*"
    got=0
    "$@" > out 2>&1 || got=$?
    sed 's/^/  /' out
    printf '  (exit %s)\n' "$got"
    if [ "$got" != "$status" ] || ! grep -q -e "$word" out; then
        printf 'demo: expected exit %s and "%s"\n' "$status" "$word" >&2
        exit 1
    fi
}

say "An image in an OCI layout on disk, and two key pairs"
digest=$(bash "$here/tests/integration/mkimage.sh" img "the release")
bash "$here/tests/integration/mkimage.sh" tampered "something else" > tampered.digest
expect 0 release.key sign generate-key-pair --output-key-prefix release
expect 0 other.key sign generate-key-pair --output-key-prefix other

say "Unsigned: denied"
expect 1 "denied: unsigned" verify "oci:img@$digest" --key release.pub

say "Signed: allowed"
expect 0 "$digest" sign "oci:img@$digest" --key release.key -a env=prod
expect 0 "allowed: signed with release.pub" verify "oci:img@$digest" --key release.pub -a env=prod

say "Signed by another key, or without the claim that is asked for: denied"
expect 1 "denied: wrong-signer" verify "oci:img@$digest" --key other.pub
expect 1 "denied: wrong-annotation" verify "oci:img@$digest" --key release.pub -a env=test

say "Attested how it was built: allowed where the right builder stands in it, else denied"
builder=https://ci.example/builders/small
expect 0 "$digest" sign attest "oci:img@$digest" --key release.key --provenance-from-env --from flags \
    --builder-id "$builder" --build-type https://ci.example/types/make@v1 --parameter target=release
expect 0 "allowed: attested with release.pub" verify attestation "oci:img@$digest" --key release.pub \
    --type slsaprovenance1 --output statement --check "/predicate/runDetails/builder/id=$builder"
expect 1 "denied: check-failed" verify attestation "oci:img@$digest" --key release.pub \
    --type slsaprovenance1 --check /predicate/runDetails/builder/id=https://ci.example/builders/large

say "A tampered image: its digest is another one, which nobody signed"
expect 1 "denied: unsigned" verify "oci:tampered@$(cat tampered.digest)" --key release.pub

say "Tampered in place: the bytes are not what their digest says"
cp -r img broken
printf ' ' >> "broken/blobs/sha256/${digest#sha256:}"
expect 3 "unknown: malformed" verify oci:broken:v1 --key release.pub

say "The same over a real registry (docker-registry on loopback)"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat > registry.yml <<YAML
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: "127.0.0.1:$port"}
YAML
docker-registry serve registry.yml > registry.log 2>&1 &
registry=$!
for _ in $(seq 100); do
    python3 -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null && break
    sleep 0.1
done
image=127.0.0.1:$port/demo/app
expect 0 "$digest" sign copy "oci:img:v1" "$image:v1"
expect 0 "allowed: signed with release.pub" verify "$image@$digest" --key release.pub
expect 0 "allowed: attested with release.pub" verify attestation "$image@$digest" --key release.pub \
    --type slsaprovenance1 --check "/predicate/runDetails/builder/id=$builder"
expect 0 "$digest" sign "$image@$digest" --key other.key --format legacy
expect 0 "allowed: signed with other.pub" verify "$image:v1" --key other.pub
expect 0 "verified with" verify tree "$image:v1" --key release.pub --key other.pub
other=$(cat tampered.digest)
expect 0 "$other" sign copy "oci:tampered:v1" "$image:tampered"
expect 1 "denied: unsigned" verify "$image:tampered" --key release.pub
expect 3 "unknown: not-found" verify "$image:nosuch" --key release.pub

say "At admission: the webhook judges Pods by a policy, as the API server would ask it"
cat > policy.yaml <<YAML
version: 1
name: demo
unmatched: deny
signers:
  release: {key: release.pub}
rules:
  - {name: apps, images: "127.0.0.1:$port/demo/**", require: {signed: release}}
YAML
cat > registries.yaml <<YAML
version: 1
registries:
  "127.0.0.1:$port": {plain-http: true, private: true}
YAML
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=webhook \
    -addext subjectAltName=IP:127.0.0.1 -keyout tls.key -out tls.crt 2>/dev/null
webhook --policy policy.yaml --registries registries.yaml --tls-cert tls.crt --tls-key tls.key \
    --listen 127.0.0.1:0 --drain-delay 0s > webhook.log 2>&1 &
webhook=$!
for _ in $(seq 100); do
    listening=$(sed -n 's/.*"address":"127\.0\.0\.1:\([0-9]*\)".*/\1/p' webhook.log | head -n 1)
    [ -z "$listening" ] || break
    sleep 0.05
done
ask="python3 $here/tests/ask.py $listening tls.crt"
# shellcheck disable=SC2086 # the command is words
{
    expect 0 "admitted" $ask "$image@$digest"
    expect 1 "denied (403).*unsigned" $ask "$image@$other"
    expect 1 "denied (403).*not-a-digest" $ask "$image:v1"
    expect 1 "denied (403).*no-rule" $ask "registry.example/elsewhere@$digest"
}
grep '"level":"info"' webhook.log | sed 's/^/  /'
kill "$webhook"
wait "$webhook" || :
webhook=

say "All as it should be"
