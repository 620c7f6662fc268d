# shellcheck shell=bash disable=SC2034 # what is set here is used by those who source it
# Helpers of the integration tests; sourced by every t_*.sh. A test file is: lines of checks, then `finish`.
#
# Each check prints `ok NAME` or `not ok NAME` with what was seen. Servers listen on ports that the kernel picks, are waited for by
# polling with a deadline, and are killed by process id when the file ends.
set -eu

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
counterparts=${COUNTERPARTS:-$root/build/counterparts}
sign=${SIGN:-$root/bin/sign}
verify=${VERIFY:-$root/bin/verify}
webhook=${WEBHOOK:-$root/bin/webhook}

# Nothing of the caller's own may be read or asked: no Docker credentials, no cosign settings, no proxy, no Sigstore cache. Every
# cosign signature here is made without log, timestamp and TUF, so that no program has a reason to leave loopback.
unset COSIGN_REPOSITORY COSIGN_EXPERIMENTAL REGISTRY_AUTH_FILE DOCKER_CONFIG XDG_RUNTIME_DIR XDG_CONFIG_HOME SSL_CERT_FILE SSL_CERT_DIR
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
T=$(mktemp -d "${TMPDIR:-/tmp}/bulla-integration.XXXXXX")
mkdir "$T/home"
export HOME=$T/home
export PATH=$counterparts/bin:$PATH
export COSIGN_PASSWORD=integration
export NO_COLOR=1
umask 022

passed=0
failed=0
pids=()

# The last one first: a server may need another one to end, and was started after it.
clean_up()
{
    local i
    for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
        kill "${pids[i]}" 2>/dev/null || true
        wait "${pids[i]}" 2>/dev/null || true
    done
    if [ -n "${KEEP:-}" ]; then echo "kept: $T" >&2; else rm -rf "$T"; fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM

finish()
{
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

ok()
{
    passed=$((passed + 1))
    echo "ok $1"
}

# not_ok NAME WHY: with the last command's output below it.
not_ok()
{
    failed=$((failed + 1))
    echo "not ok $1"
    echo "    $2"
    [ -s "$T/out" ] && sed 's/^/    out: /' "$T/out" | head -n 12
    [ -s "$T/err" ] && sed 's/^/    err: /' "$T/err" | head -n 12
    return 0
}

# assert NAME CONDITION...: a test of what is there, not of a program.
assert()
{
    local name=$1
    shift
    if "$@" >"$T/assert" 2>&1; then ok "$name"; else not_ok "$name" "false: $* $(head -n 3 "$T/assert")"; fi
}

# run CMD...: output to $T/out and $T/err, exit status to $status. No command may take longer than LIMIT seconds (124 then).
run()
{
    status=0
    if [ "$(type -t "$1")" = function ]; then # `timeout` starts programs only
        # shellcheck disable=SC2016 # for the inner shell
        set -- bash -c '"$@"' bash "$@"
    fi
    timeout "${LIMIT:-60}" "$@" >"$T/out" 2>"$T/err" </dev/null || status=$?
}

# seen PATTERN FILE...: '' matches anything, '-' only nothing at all; otherwise an extended regular expression.
seen()
{
    local pattern=$1
    shift
    case $pattern in
    '') return 0 ;;
    -) ! cat "$@" | grep -q . ;;
    *) cat "$@" | grep -qE -- "$pattern" ;;
    esac
}

# lacks WORD FILE...: the word is in none of them.
lacks()
{
    ! cat "${@:2}" | grep -q -- "$1"
}

# check NAME EXIT STDOUT_PATTERN STDERR_PATTERN -- CMD...
check()
{
    local name=$1 want=$2 out=$3 err=$4
    shift 5
    run "$@"
    if [ "$status" -ne "$want" ]; then
        not_ok "$name" "exit $status, not $want: $*"
    elif ! seen "$out" "$T/out"; then
        not_ok "$name" "standard output lacks /$out/: $*"
    elif ! seen "$err" "$T/err"; then
        not_ok "$name" "standard error lacks /$err/: $*"
    else
        ok "$name"
    fi
}

# says NAME EXIT PATTERN -- CMD...: the pattern may be on either stream.
says()
{
    local name=$1 want=$2 pattern=$3
    shift 4
    run "$@"
    if [ "$status" -ne "$want" ]; then
        not_ok "$name" "exit $status, not $want: $*"
    elif ! seen "$pattern" "$T/out" "$T/err"; then
        not_ok "$name" "nowhere /$pattern/: $*"
    else
        ok "$name"
    fi
}

# sentence NAME EXIT PATTERN -- CMD...: nothing on standard output, and on standard error one line that begins with the program's name.
sentence()
{
    local name=$1 want=$2 pattern=$3 program
    shift 4
    for program in "$@"; do # past `env NAME=value`
        case $program in
        env | *=*) ;;
        *) break ;;
        esac
    done
    program=$(basename "$program")
    check "$name" "$want" - "^$program: .*($pattern)" -- "$@"
    [ "$(wc -l <"$T/err")" -eq 1 ] || [ "$status" -ne "$want" ] || not_ok "$name, in one line" "$(wc -l <"$T/err") lines"
}

# quietly CMD...: a step that must work; its failure ends the file.
quietly()
{
    run "$@"
    [ "$status" -eq 0 ] && return 0
    not_ok "set-up: $1" "exit $status: $*"
    finish || exit 1
}

# wait_for SECONDS CMD...: polls until the command succeeds.
wait_for()
{
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.02
    done
}

# server NAME CMD...: starts a program; output to $T/NAME.log (standard output, the access log) and $T/NAME.err. Leaves its $pid.
server()
{
    local name=$1
    shift
    "$@" >"$T/$name.log" 2>"$T/$name.err" </dev/null &
    pid=$!
    pids+=("$pid")
}

# stop PID: ends one server before the file ends.
stop()
{
    kill "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

no_server()
{
    not_ok "set-up: $1 starts" "$(tail -n 2 "$T/$1.err" 2>/dev/null)"
    finish || exit 1
}

# start_registry NAME plain|tls|tls-client|tls-htpasswd|token: docker-registry. Sets $registry to host:port, $pid.
# tls*: $T/NAME/ca.pem is its CA, for registry.test too. tls-client: it demands a client certificate of that CA (client_pair).
# tls-htpasswd: users alice and bob, password "secret". token: the same users at tokenserver.py.
start_registry()
{
    local name=$1 kind=$2 dir=$T/$1
    mkdir -p "$dir/store"
    {
        echo 'version: 0.1'
        echo 'log: {level: info, accesslog: {disabled: false}}'
        echo "storage: {cache: {blobdescriptor: inmemory}, filesystem: {rootdirectory: $dir/store}, delete: {enabled: true}}"
        case $kind in
        plain) echo 'http: {addr: "127.0.0.1:0", secret: fixed}' ;;
        tls | tls-client)
            make_ca "$dir"
            echo "http: {addr: '127.0.0.1:0', secret: fixed, tls: {certificate: $dir/server.pem, key: $dir/server.key" \
                "$([ "$kind" = tls ] || echo ", clientcas: [$dir/ca.pem]")}}"
            ;;
        tls-htpasswd)
            make_ca "$dir"
            { htpasswd -Bbn alice secret && htpasswd -Bbn bob secret; } >"$dir/htpasswd" 2>/dev/null
            echo "http: {addr: '127.0.0.1:0', secret: fixed, tls: {certificate: $dir/server.pem, key: $dir/server.key}}"
            echo "auth: {htpasswd: {realm: basic-realm, path: $dir/htpasswd}}"
            ;;
        token)
            start_token_server "$name" "$dir"
            echo 'http: {addr: "127.0.0.1:0", secret: fixed, relativeurls: true}'
            echo "auth: {token: {realm: 'http://$token_server/token', service: registry.test, issuer: issuer.test, rootcertbundle: $dir/token.pem}}"
            ;;
        esac
    } >"$dir/config.yml"
    server "$name" docker-registry serve "$dir/config.yml"
    wait_for 10 grep -q 'listening on' "$T/$name.err" || no_server "$name"
    registry=$(sed -n 's/.*listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p' "$T/$name.err" | head -n 1)
}

# make_ca DIR: ca.pem, and server.pem with server.key for 127.0.0.1, localhost and registry.test.
make_ca()
{
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=Bulla test CA' \
        -keyout "$1/ca.key" -out "$1/ca.pem" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=localhost' -keyout "$1/server.key" -out "$1/server.csr" 2>/dev/null
    openssl x509 -req -in "$1/server.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" -days 2 -out "$1/server.pem" \
        -extfile <(printf 'subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:registry.test\nextendedKeyUsage=serverAuth\n') 2>/dev/null
}

# client_pair DIR NAME: NAME.cert and NAME.key, a client certificate of the CA in DIR.
client_pair()
{
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=a client' -keyout "$2.key" -out "$2.csr" 2>/dev/null
    openssl x509 -req -in "$2.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" -days 2 -out "$2.cert" \
        -extfile <(printf 'extendedKeyUsage=clientAuth\n') 2>/dev/null
    rm -f "$2.csr"
}

start_token_server()
{
    local name=$1 dir=$2
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=Bulla test tokens' -keyout "$dir/token.key" -out "$dir/token.pem" 2>/dev/null
    server "$name-tokens" python3 "$here/tokenserver.py" --key "$dir/token.key" --cert "$dir/token.pem" \
        --issuer issuer.test --addr-file "$dir/token.addr"
    wait_for 10 test -s "$dir/token.addr" || no_server "$name-tokens"
    token_server=$(cat "$dir/token.addr")
}

# start_goregistry NAME ggcr|ocimem: an independent registry with the referrers API. Sets $registry, $pid.
start_goregistry()
{
    server "$1" goregistry -kind "$2" -addr 127.0.0.1:0 -addr-file "$T/$1.addr"
    wait_for 10 test -s "$T/$1.addr" || no_server "$1"
    registry=$(cat "$T/$1.addr")
}

# closed_port: a loopback port on which nothing listens.
closed_port()
{
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# layout NAME [--index]: makes $T/NAME, an OCI layout of one small image of its own; sets $digest and, with --index, $children.
layout()
{
    local lines
    lines=$("$here/mkimage.sh" ${2:+"$2"} "$T/$1" "$1")
    digest=$(head -n 1 <<<"$lines")
    children=$(tail -n +2 <<<"$lines")
}

# push LAYOUT DESTINATION: with a program that is not ours, so that no command under test prepares its own input.
push()
{
    quietly skopeo118 --insecure-policy copy -q --all --preserve-digests --dest-tls-verify=false ${AUTHFILE:+--authfile "$AUTHFILE"} \
        "oci:$T/$1:v1" "docker://$2"
}

# image NAME REPOSITORY [--index]: makes an image and pushes it; sets $digest and $ref (REPOSITORY@DIGEST).
image()
{
    layout "$1" ${3:+"$3"}
    push "$1" "$2:v1"
    ref=$2@$digest
}

# foreign_key NAME p256|p384|p521|rsa|ed25519: $T/NAME.pem by openssl, NAME.key by cosign 3 (the encrypted file), NAME.pub.
# cosign 2.5.0 of Debian imports no PKCS#8 key but Ed25519, yet opens what cosign 3 wrote.
foreign_key()
{
    local name=$T/$1
    case $2 in
    p256) quietly openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$name.pem" ;;
    p384) quietly openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out "$name.pem" ;;
    p521) quietly openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out "$name.pem" ;;
    rsa) quietly openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$name.pem" ;;
    ed25519) quietly openssl genpkey -algorithm ed25519 -out "$name.pem" ;;
    esac
    rm -f "$name.key" "$name.pub"
    quietly cosign3 import-key-pair --key "$name.pem" --output-key-prefix "$name"
    quietly openssl pkey -in "$name.pem" -pubout -out "$name.pub"
}

# The counterparts' commands, as far as needed to keep each of them off the network.
cosign3_sign()
{
    local bundle=$1
    shift
    cosign3 sign --tlog-upload=false --use-signing-config=false --new-bundle-format="$bundle" --allow-http-registry -y "$@"
}

cosign3_verify()
{
    cosign3 verify --insecure-ignore-tlog=true --allow-http-registry "$@"
}

cosign2_sign()
{
    cosign2 sign --tlog-upload=false --allow-http-registry -y "$@"
}

cosign2_verify()
{
    cosign2 verify --insecure-ignore-tlog=true --allow-http-registry "$@"
}

# signed_layouts: two layouts in $T, each with one image signed by cosign 3 with $T/key.key (v1) and an unsigned one (other): `bundle` in the
# referrers layout, `legacy` by a .sig tag. Their digests stand in $T/FORM.digest, in that order.
signed_layouts()
{
    local form other
    start_goregistry source ggcr
    for form in bundle legacy; do
        image "$form-other" "$registry/$form/image"
        other=$digest
        image "$form-image" "$registry/$form/image"
        quietly cosign3_sign "$([ "$form" = bundle ] && echo true || echo false)" --key "$T/key.key" "$ref"
        quietly oras copy -r --from-plain-http "$ref" --to-oci-layout "$T/$form:v1"
        quietly oras copy --from-plain-http "$registry/$form/image@$other" --to-oci-layout "$T/$form:other"
        [ "$form" = bundle ] || quietly oras copy --from-plain-http "$registry/$form/image:${digest/:/-}.sig" --to-oci-layout "$T/$form:${digest/:/-}.sig"
        echo "$digest $other" >"$T/$form.digest"
    done
}

# skopeo signs while it copies, and wants to be told that signatures are attachments.
skopeo_sign()
{
    local layout=$1 to=$2 key=$3
    attachments "${to%%/*}"
    printf '%s' "$COSIGN_PASSWORD" >"$T/passphrase"
    skopeo118 --insecure-policy --registries.d "$T/registries.d" copy -q --preserve-digests --dest-tls-verify=false \
        --sign-by-sigstore-private-key "$key" --sign-passphrase-file "$T/passphrase" "oci:$layout:v1" "docker://$to"
}

# skopeo_verify KEY IMAGE [REPOSITORY]: skopeo's default identity rule wants a tag in the payload, and cosign's payloads carry none; so the
# rule names the repository that the payload must claim, the image's own unless REPOSITORY is given.
skopeo_verify()
{
    local key=$1 image=$2 repository=${3:-${2%@*}}
    attachments "${image%%/*}"
    printf '{"default":[{"type":"reject"}],"transports":{"docker":{"%s":[{"type":"sigstoreSigned","keyPath":"%s",
"signedIdentity":{"type":"exactRepository","dockerRepository":"%s"}}]}}}' "${image%%/*}" "$key" "$repository" >"$T/policy.json"
    rm -rf "$T/copied"
    skopeo118 --registries.d "$T/registries.d" --policy "$T/policy.json" copy -q --src-tls-verify=false "docker://$image" "dir:$T/copied"
}

attachments()
{
    mkdir -p "$T/registries.d"
    printf 'docker:\n  %s:\n    use-sigstore-attachments: true\n' "$1" >"$T/registries.d/default.yaml"
}
export T here counterparts
export -f cosign3_sign cosign3_verify cosign2_sign cosign2_verify skopeo_sign skopeo_verify attachments
