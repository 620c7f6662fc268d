#!/bin/bash
# Bad input: every case has its exit code, its reason word where it concerns an image, and one clear sentence on standard error. Beside each
# group stands the same command with good input, which works.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

foreign_key key p256
foreign_key second p256
layout image
good=oci:$T/image:v1
check 'control: signs' 0 '' '' -- "$sign" "$good" --key "$T/key.key" --format bundle,legacy
check 'control: verifies' 0 "$digest" '' -- "$verify" "$good" --key "$T/key.pub"

# The command line.
for program in "$sign" "$verify"; do
    name=$(basename "$program")
    check "$name: --help" 0 'Usage' - -- "$program" --help
    check "$name: --version" 0 '[0-9]+\.[0-9]+' - -- "$program" --version
    check "$name: nothing at all" 2 - '.' -- "$program"
    sentence "$name: an unknown flag" 2 'no-such-flag' -- "$program" "$good" --key "$T/key.pub" --no-such-flag
    sentence "$name: a misspelt flag is corrected" 2 '--key' -- "$program" "$good" --kye "$T/key.pub"
    sentence "$name: a flag without its value" 2 'key' -- "$program" "$good" --key
    sentence "$name: no key" 2 '--key' -- "$program" "$good"
    sentence "$name: no image" 2 'image' -- "$program" --key "$T/key.pub"
    sentence "$name: an annotation without a value" 2 'annotation|key=value|k=v' -- "$program" "$good" --key "$T/key.pub" -a novalue
    sentence "$name: a password on the command line" 2 '--registry-password-(stdin|file)' -- \
        "$program" "$good" --key "$T/key.pub" --registry-password secret
    sentence "$name: a time that is none" 2 'timeout|soon' -- "$program" "$good" --key "$T/key.pub" --timeout soon
done
for flag in --identity-token=x --fulcio-url=https://fulcio.example --rekor-url=https://rekor.example --oidc-issuer=https://issuer.example; do
    sentence "sign: keyless ${flag%%=*} is refused by name" 2 "${flag%%=*}.*not supported|not supported.*${flag%%=*}" -- \
        "$sign" "$good" --key "$T/key.key" "$flag"
done
for flag in --certificate-identity=x --certificate-oidc-issuer=https://issuer.example --trusted-root=f --rekor-url=https://rekor.example; do
    sentence "verify: keyless ${flag%%=*} is refused by name" 2 "${flag%%=*}.*not supported|not supported.*${flag%%=*}" -- \
        "$verify" "$good" --key "$T/key.pub" "$flag"
done
sentence 'sign: a format that is none' 2 'format' -- "$sign" "$good" --key "$T/key.key" --format paper
sentence 'verify: an output that is none' 2 'output' -- "$verify" "$good" --key "$T/key.pub" --output paper

# References. The longest repository and tag that are still good ones fail for want of a registry only.
port=$(closed_port)
hex=$(printf 'a%.0s' $(seq 64))
for bad in '' ' ' 'a b' 'Upper/Case' 'name:' 'name@' 'name:tag:tag' ':tag' '/name' 'name//part' 'host:port/name' 'host:99999/name' \
    "name@sha256:${hex:1}" "name@sha256:${hex}a" "name@sha256:${hex:1}g" "name@sha256:A${hex:1}" "name@md5:${hex:32}" "name@sha256" "name@$hex" \
    "name@sha512:$hex" "name:$(printf 't%.0s' $(seq 129))" 'https://host.example/name' 'oci:' 'oci:dir@sha256:1' "127.0.0.1:$port/-name" ; do
    for program in "$sign" "$verify"; do
        sentence "$(basename "$program"): reference '${bad:0:40}' (${#bad})" 2 '.' -- "$program" "$bad" --key "$T/key.pub"
    done
done
for fine in "127.0.0.1:$port/name:$(printf 't%.0s' $(seq 128))" "127.0.0.1:$port/name@sha256:$hex" "127.0.0.1:$port/name@sha512:$hex$hex"; do
    says "verify: reference '${fine:0:40}' (${#fine}) is one" 3 'registry-unreachable' -- "$verify" "$fine" --key "$T/key.pub" --timeout 2s
done

# Keys.
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 -out "$T/k1.pem" 2>/dev/null
openssl pkey -in "$T/k1.pem" -pubout -out "$T/k1.pub" 2>/dev/null
openssl genrsa -out "$T/rsa1024.pem" 1024 2>/dev/null
openssl pkey -in "$T/rsa1024.pem" -pubout -out "$T/rsa1024.pub" 2>/dev/null
openssl req -x509 -key "$T/key.pem" -subj /CN=x -days 1 -out "$T/certificate.pem" 2>/dev/null
: >"$T/empty"
echo 'not a key' >"$T/garbage"
head -c 100 "$T/key.pub" >"$T/cut.pub"
{
    cat "$T/key.pub"
    cat "$T/key.pub"
} >"$T/twice.pub"
while read -r file word; do
    [ -n "$file" ] || continue
    sentence "verify: key $file" 2 "$word" -- "$verify" "$good" --key "$T/$file"
done <<'END'
missing         [Nn]o such file
empty           empty|PEM
garbage         PEM
cut.pub         PEM|public key
twice.pub       one|more|second|after
home            directory|regular
certificate.pem certificate
key.pem         private
key.key         private
k1.pub          secp256k1|curve|not supported|unsupported
rsa1024.pub     1024|2048
END
sentence 'verify: key of 64 KiB and more' 2 'large|bytes|KiB' -- "$verify" "$good" --key <(head -c 70000 /dev/zero)
for kind in awskms:///alias/x gcpkms://projects/x azurekms://x hashivault://x pkcs11:token=x k8s://ns/x; do
    sentence "sign: key $kind" 2 "not supported" -- "$sign" "$good" --key "$kind"
    sentence "verify: key $kind" 2 "not supported" -- "$verify" "$good" --key "$kind"
done
sentence 'sign: wrong password' 2 'password' -- env COSIGN_PASSWORD=guess "$sign" "$good" --key "$T/key.key"
sentence 'sign: no password' 2 'password' -- env COSIGN_PASSWORD= "$sign" "$good" --key "$T/key.key"
sentence 'public-key: wrong password' 2 'password' -- env COSIGN_PASSWORD=guess "$sign" public-key --key "$T/key.key"
sentence 'sign: a public key' 2 'public' -- "$sign" "$good" --key "$T/key.pub"
sentence 'sign: a key that is not encrypted' 2 'encrypted|import-key-pair' -- "$sign" "$good" --key "$T/key.pem"
sentence 'sign: a missing key' 2 '[Nn]o such file' -- "$sign" "$good" --key "$T/missing"
sentence 'sign: an empty key' 2 'empty|PEM' -- "$sign" "$good" --key "$T/empty"
# The file's JSON, altered inside its PEM.
alter_key()
{
    python3 - "$T/key.key" "$T/$1" "$2" "$3" <<'END'
import base64, sys
lines = open(sys.argv[1]).read().split("-----")
text = base64.b64decode("".join(lines[2].split())).decode()
assert sys.argv[3] in text
body = base64.encodebytes(text.replace(sys.argv[3], sys.argv[4]).encode()).decode()
open(sys.argv[2], "w").write("-----%s-----\n%s-----%s-----\n" % (lines[1], body, lines[3]))
END
    chmod 600 "$T/$1"
}
alter_key same.key scrypt scrypt
check 'control: the altered file without an alteration' 0 'PUBLIC KEY' '' -- "$sign" public-key --key "$T/same.key"
alter_key kdf.key scrypt argon2
sentence 'sign: another key derivation' 2 'argon2|kdf|derivation|unsupported|not supported' -- "$sign" "$good" --key "$T/kdf.key"
alter_key cost.key '"p":1' '"p":2'
sentence 'sign: scrypt costs that cosign does not write' 2 'cost|scrypt|parameter' -- "$sign" "$good" --key "$T/cost.key"
alter_key cipher.key nacl/secretbox aes
sentence 'sign: another cipher' 2 'cipher|aes|unsupported|not supported' -- "$sign" "$good" --key "$T/cipher.key"
alter_key json.key '{' '['
sentence 'sign: JSON that is none' 2 '.' -- "$sign" "$good" --key "$T/json.key"
cp "$T/key.key" "$T/loose.key"
chmod 644 "$T/loose.key"
check 'sign: a key that everybody can read works, with a warning' 0 '' 'loose\.key.*(read|permission|mode)' -- \
    "$sign" "$good" --key "$T/loose.key"
sentence 'generate-key-pair: an unknown algorithm' 2 'ecdsa-p256' -- "$sign" generate-key-pair --algorithm dsa --output-key-prefix "$T/dsa"
assert 'generate-key-pair: and leaves no file' test ! -e "$T/dsa.key"
before=$(sha256sum "$T/key.key")
run "$sign" generate-key-pair --output-key-prefix "$T/key"
assert 'generate-key-pair: does not overwrite a key' test "$status" -eq 2 -a "$before" = "$(sha256sum "$T/key.key")"
for kind in k1 rsa1024; do
    sentence "import-key-pair: $kind" 2 '.' -- "$sign" import-key-pair --key "$T/$kind.pem" -o "$T/imported-$kind"
done

# Configuration.
printf 'version: 1\nregistries:\n  host.example:\n    plian-http: true\n' >"$T/registries.yaml"
sentence 'registries.yaml: a misspelt key, with its place' 2 'registries\.yaml:4:[0-9]+.*plian-http' -- \
    "$verify" "$good" --key "$T/key.pub" --registries "$T/registries.yaml"
printf 'version: 2\n' >"$T/registries.yaml"
sentence 'registries.yaml: another version' 2 'version' -- "$verify" "$good" --key "$T/key.pub" --registries "$T/registries.yaml"
sentence 'registries.yaml: missing' 2 '[Nn]o such file' -- "$verify" "$good" --key "$T/key.pub" --registries "$T/missing.yaml"
mkdir -p "$T/broken-docker"
echo '{"auths":' >"$T/broken-docker/config.json"
start_registry plain plain
image pushed "$registry/bad/image"
check 'control: verify says unsigned' 1 'unsigned' '' -- "$verify" "$ref" --key "$T/key.pub"

# Registries.
says 'verify: a registry that is down' 3 'registry-unreachable' -- "$verify" "127.0.0.1:$port/name@$digest" --key "$T/key.pub" --timeout 3s
sentence 'sign: a registry that is down' 3 'refused|reach' -- "$sign" "127.0.0.1:$port/name@$digest" --key "$T/key.key" --timeout 3s
says 'verify: a repository that is not there' 3 'not-found' -- "$verify" "$registry/bad/nothing:v1" --key "$T/key.pub"
says 'verify: a tag that is not there' 3 'not-found' -- "$verify" "$registry/bad/image:none" --key "$T/key.pub"
sentence 'sign: a tag that is not there' 3 'not.found|not there|404|unknown' -- "$sign" "$registry/bad/image:none" --key "$T/key.key"
sentence 'sign: a digest that is not there' 3 'not.found|not there|404|unknown' -- "$sign" "$registry/bad/image@sha256:$hex" --key "$T/key.key"
server elsewhere python3 "$here/faultregistry.py" --addr-file "$T/elsewhere.addr" "image=$T/image"
wait_for 10 test -s "$T/elsewhere.addr" || no_server elsewhere
server fault python3 "$here/faultregistry.py" --addr-file "$T/fault.addr" --other "$(cat "$T/elsewhere.addr")" "image=$T/image"
wait_for 10 test -s "$T/fault.addr" || no_server fault
fault=$(cat "$T/fault.addr")
# The Docker configuration is read when a registry asks for credentials, not before.
check 'verify: a broken Docker configuration that nobody asks for' 1 'wrong-signer' '' -- \
    env DOCKER_CONFIG="$T/broken-docker" "$verify" "$fault/image/ok/all:v1" --key "$T/second.pub" --allow-http-registry
says 'verify: a broken Docker configuration' 3 'config\.json' -- \
    env DOCKER_CONFIG="$T/broken-docker" "$verify" "$fault/image/realm/all:v1" --key "$T/key.pub" --allow-http-registry
sentence 'sign: a broken Docker configuration' 2 'config\.json' -- \
    env DOCKER_CONFIG="$T/broken-docker" "$sign" "$fault/image/realm/all:v1" --key "$T/key.key" --allow-http-registry
while read -r name code reason; do
    [ -n "$name" ] || continue
    says "verify: $name" 3 "$reason" -- "$verify" "$fault/image/$name/all:v1" --key "$T/key.pub" --allow-http-registry --timeout 3s
    sentence "sign: $name" 3 "$code" -- "$sign" "$fault/image/$name/all:v1" --key "$T/key.key" --allow-http-registry --timeout 3s
done <<'END'
status-401      401|unauthorized|credentials              registry-auth
status-403      403|denied|forbidden                      registry-auth
status-404      404|not.found                             not-found
status-429-3600 429|rate                                  rate-limited
status-500      500                                       registry-unreachable
status-503-3600 503                                       registry-unreachable
endless         large|limit|more.than                     too-large
wrong-digest    digest|match                              malformed
wrong-short     digest|match|length|bytes                 malformed
END

# Layouts.
layout_digest=$(jq -r '.manifests[0].digest' "$T/image/index.json")
blob=blobs/sha256/${layout_digest#*:}
broken_layout()
{
    rm -rf "$T/broken"
    cp -r "$T/image" "$T/broken"
}
says 'layout: not there' 3 'not-found' -- "$verify" "oci:$T/none:v1" --key "$T/key.pub"
says 'layout: no such tag' 3 'not-found' -- "$verify" "oci:$T/image:v2" --key "$T/key.pub"
while read -r name want command; do
    [ -n "$name" ] || continue
    broken_layout
    (cd "$T/broken" && eval "${command//BLOB/$blob}")
    says "layout: $name" 3 'malformed|not-found|too-large' -- "$verify" "oci:$T/broken:v1" --key "$T/key.pub"
    assert "layout: $name is not called unsigned" lacks unsigned "$T/out" "$T/err"
    run "$sign" "oci:$T/broken:v1" --key "$T/key.key"
    assert "layout: $name: sign exits $want" test "$status" -eq "$want"
done <<'END'
no-oci-layout     3 rm oci-layout
another-version   2 echo '{"imageLayoutVersion":"2.0.0"}' >oci-layout
empty-index       3 : >index.json
cut-index         3 truncate -s -10 index.json
index-not-json    3 echo '<html>' >index.json
index-deep        3 head -c 100000 /dev/zero | tr '\0' '[' >index.json
no-blob           3 rm BLOB
cut-blob          3 truncate -s -1 BLOB
longer-blob       3 echo >>BLOB
changed-blob      3 sed -i 's/"schemaVersion":2/"schemaVersion":3/' BLOB
blob-is-a-link    3 mv BLOB other && ln -s ../../other BLOB
blob-is-a-folder  3 rm BLOB && mkdir BLOB
END

says 'layout: sign where there is none' 3 'not.(found|there)|no such|oci-layout' -- "$sign" "oci:$T/none:v1" --key "$T/key.key"
assert 'layout: and none is made' test ! -e "$T/none"

# Another process holds the layout: a writer waits for it, and gives up at its deadline; a reader is not held up.
broken_layout
check 'layout: held, control: signs' 0 '' '' -- "$sign" "oci:$T/broken:v1" --key "$T/key.key"
broken_layout
exec 9>>"$T/broken/.lock"
flock 9
sentence 'layout: held by another process' 3 'lock' -- "$sign" "oci:$T/broken@$layout_digest" --key "$T/second.key" --timeout 1s
check 'layout: held by another process, read' 0 '' '' -- "$verify" "oci:$T/broken:v1" --key "$T/key.pub"
"$sign" "oci:$T/broken:v1" --key "$T/second.key" >"$T/waiting.out" 2>&1 </dev/null &
waiting=$!
flock -u 9
exec 9>&-
status=0
wait "$waiting" || status=$?
assert 'layout: the waiting writer goes on when it is free' test "$status" -eq 0
check 'layout: and its signature is there' 0 '' '' -- "$verify" "oci:$T/broken:v1" --key "$T/second.pub"

# A disk on which nothing can be written: the layout stays as it was.
broken_layout
before=$(sha256sum "$T/broken/index.json")
no_room()
{
    ( # what the program says must not fall under its own limit: a pipe does not
        trap '' XFSZ
        ulimit -f 0
        "$@" 2>&1
    ) | cat
    return "${PIPESTATUS[0]}"
}
export -f no_room
run no_room "$sign" "oci:$T/broken:v1" --key "$T/second.key"
assert 'layout: no room: exit 3' test "$status" -eq 3
assert 'layout: no room: the index is as it was' test "$before" = "$(sha256sum "$T/broken/index.json")"
check 'layout: no room: the old signature still verifies' 0 '' '' -- "$verify" "oci:$T/broken:v1" --key "$T/key.pub"
assert 'layout: no room: nothing half-written is left' test -z "$(find "$T/broken" -newer "$T/broken/oci-layout" -name '*.tmp*')"

# Killed at any moment: the layout stays readable, and signing again works.
for pause in 0.001 0.002 0.005 0.01 0.02 0.05; do
    broken_layout
    "$sign" "oci:$T/broken:v1" --key "$T/second.key" --format bundle,legacy >/dev/null 2>&1 </dev/null &
    victim=$!
    sleep "$pause"
    kill -9 "$victim" 2>/dev/null || true
    wait "$victim" 2>/dev/null || true
    run "$verify" "oci:$T/broken:v1" --key "$T/second.pub"
    assert "layout: sign killed after $pause s: unsigned or signed (exit $status)" test "$status" -le 1
    check "layout: sign killed after $pause s: signs again" 0 '' '' -- "$sign" "oci:$T/broken:v1" --key "$T/second.key" --format bundle,legacy
    check "layout: sign killed after $pause s: verifies" 0 '' '' -- "$verify" "oci:$T/broken:v1" --key "$T/second.pub"
done

finish
