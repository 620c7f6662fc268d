#!/bin/bash
# The webhook as a process: its command line, probes and metrics, reloading of everything that it reads, who may call, and its end.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

quietly "$sign" generate-key-pair --output-key-prefix "$T/release"
quietly "$sign" generate-key-pair --output-key-prefix "$T/stranger"
mkdir "$T/ca" "$T/mount"
make_ca "$T/ca"
cacert=$T/ca/ca.pem
cp "$T/ca/server.pem" "$T/cert.pem"
cp "$T/ca/server.key" "$T/key.pem"

start_registry plain plain
plain=$registry
image signed "$plain/signed"
signed=$ref
quietly "$sign" "$signed" --key "$T/release.key"
image unsigned "$plain/unsigned"
unsigned=$ref

# policy SERIAL: the text of one that wants the release key.
policy()
{
    cat <<EOF
version: 1
name: production
serial: $1
unmatched: deny
signers:
  release: {key: release.pub}
rules:
  - {name: all, images: "*/**", require: {signed: release}}
EOF
}

# mount POLICY KEY: a new version of the mounted folder, swapped in by a link as the kubelet does.
versions=0
mount_files()
{
    versions=$((versions + 1))
    mkdir "$T/mount/..v$versions"
    printf '%s\n' "$1" >"$T/mount/..v$versions/policy.yaml"
    cp "$2" "$T/mount/..v$versions/release.pub"
    ln -s "..v$versions" "$T/mount/..next"
    mv -T "$T/mount/..next" "$T/mount/..data"
    rm -rf "$T/mount/..v$((versions - 1))"
    ln -sfn ..data/policy.yaml "$T/mount/policy.yaml"
    ln -sfn ..data/release.pub "$T/mount/release.pub"
}
mount_files "$(policy 1)" "$T/release.pub"

printf 'version: 1\nregistries:\n  %s: {plain-http: true, private: true}\n' "$plain" >"$T/registries.yaml"
base=(--policy "$T/mount/policy.yaml" --tls-cert "$T/cert.pem" --tls-key "$T/key.pem" --registries "$T/registries.yaml")

field()
{
    sed -n "s/.*\"$2\":\"\\([^\"]*\\)\".*/\\1/p" "$T/$1.err" | head -n 1
}

# start NAME OPTION...: leaves its $pid, $address and $page, the address of its metrics.
start()
{
    local name=$1
    shift
    server "$name" "$webhook" "${base[@]}" --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 --drain-delay "${DELAY:-0s}" "$@"
    wait_for 10 grep -q '"listening"' "$T/$name.err" || no_server "$name"
    address=$(field "$name" address)
    page=$(field "$name" metrics)
}

# get PATH [CURL OPTION...]
get()
{
    local path=$1
    shift
    curl -s --max-time 20 --cacert "$cacert" "$@" "https://$address$path"
}

# status_of PATH [CURL OPTION...]
status_of()
{
    get "$@" -o /dev/null -w '%{http_code}'
}

# review IMAGE: a Pod with it.
review()
{
    printf '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u-%s","kind":{"group":"","version":"v1","kind":"Pod"},
"resource":{"group":"","version":"v1","resource":"pods"},"operation":"CREATE","namespace":"default","name":"pod","object":{"apiVersion":"v1",
"kind":"Pod","metadata":{"name":"pod","namespace":"default"},"spec":{"containers":[{"name":"a","image":"%s"}]}}}}' "$RANDOM" "$1"
}

# ask IMAGE [CURL OPTION...]: the answer to its review.
ask()
{
    local image=$1
    shift
    review "$image" | get "/validate?timeout=${TIMEOUT:-10s}" -H 'Content-Type: application/json' --data-binary @- "$@"
}

# answers NAME IMAGE WORD...: the answer's allowed, code and reasons of causes are these words.
answers()
{
    local name=$1 image=$2 said
    shift 2
    said=$(ask "$image" | tee "$T/out" | jq -r '[.response.allowed, .response.status.code // empty, (.response.status.details.causes // [] | .[].reason)] | map(tostring) | join(" ")')
    if [ "$said" = "$*" ]; then ok "$name"; else not_ok "$name" "'$said' instead of '$*'"; fi
}

metric()
{
    curl -s "http://$page/metrics" | sed -n "s/^$1 //p"
}

shows()
{
    metric "$1" | grep -qx -- "$2"
}

verbose()
{
    get '/readyz?verbose' | grep -q -- "$1"
}

# --- Command line ---

sentence 'no policy' 2 'no policy' -- "$webhook" --tls-cert "$T/cert.pem" --tls-key "$T/key.pem"
sentence 'no certificate' 2 '--tls-cert and --tls-key are needed' -- "$webhook" --policy "$T/mount/policy.yaml"
sentence 'no key' 2 '--tls-cert and --tls-key are needed' -- "$webhook" --policy "$T/mount/policy.yaml" --tls-cert "$T/cert.pem"
sentence 'an image is named' 2 'not named on the command line' -- "$webhook" "${base[@]}" example.com/a
sentence 'name of a client without authority' 2 '--client-name needs --client-ca' -- "$webhook" "${base[@]}" --client-name x
sentence 'pull secrets outside of a cluster' 2 'KUBERNETES_SERVICE_HOST' -- \
    env KUBERNETES_SERVICE_HOST= "$webhook" "${base[@]}" --pull-secrets
sentence 'pull secrets without a service account' 2 "service account: $T/nothing/token" -- \
    "$webhook" "${base[@]}" --pull-secrets --kube-api https://127.0.0.1:1 --kube-folder "$T/nothing"
sentence 'pull secrets in the clear' 2 'https only' -- "$webhook" "${base[@]}" --pull-secrets --kube-api http://192.0.2.1
sentence 'an API for nothing' 2 'need --pull-secrets' -- "$webhook" "${base[@]}" --kube-api https://127.0.0.1:1
sentence 'plain HTTP for all' 2 "unknown option|allow-http-registry" -- "$webhook" "${base[@]}" --allow-http-registry
sentence 'no workers' 2 '--workers: a number from 1' -- "$webhook" "${base[@]}" --workers 0
sentence 'too many workers' 2 '--workers: a number from 1' -- "$webhook" "${base[@]}" --workers 1025
sentence 'no queue' 2 '--queue: a number from 1' -- "$webhook" "${base[@]}" --queue 0
sentence 'few connections' 2 '--connections: a number from 4' -- "$webhook" "${base[@]}" --connections 3
sentence 'little memory' 2 '--memory: less than one review' -- "$webhook" "${base[@]}" --memory 8191KiB
sentence 'long drain' 2 '--drain: longer than an hour' -- "$webhook" "${base[@]}" --drain 2h
sentence 'no time' 2 '--lookup-timeout: no time' -- "$webhook" "${base[@]}" --lookup-timeout 0s
sentence 'another log' 2 "'xml' is neither" -- "$webhook" "${base[@]}" --log-format xml
sentence 'kind that is read anyway' 2 'custom-kind' -- "$webhook" "${base[@]}" --custom-kind Pod=/spec
sentence 'listening nowhere' 2 'listen nonsense' -- "$webhook" "${base[@]}" --listen nonsense
check 'help' 0 '--drain-delay TIME' - -- "$webhook" --help
check 'version' 0 '^webhook [0-9]' - -- "$webhook" --version
check 'nothing' 2 - 'Usage:' -- "$webhook"

# --- What is read at the start ---

bad()
{
    sentence "$@" --listen 127.0.0.1:0
}
bad 'policy that is not there' 2 'missing.yaml: No such file' -- "$webhook" "${base[@]:2}" --policy "$T/missing.yaml"
sed 's/unmatched/unmatchd/' "$T/mount/policy.yaml" >"$T/misspelt.yaml"
says 'misspelt policy' 2 'misspelt.yaml:4:1: unmatchd: unknown key; did you mean "unmatched"' -- \
    "$webhook" "${base[@]:2}" --policy "$T/misspelt.yaml" --listen 127.0.0.1:0
bad 'key of another certificate' 2 'not the key of the certificate' -- "$webhook" "${base[@]:0:4}" --tls-key "$T/ca/ca.key"
bad 'certificate that is not there' 2 'missing.pem' -- "$webhook" "${base[@]:0:2}" --tls-cert "$T/missing.pem" --tls-key "$T/key.pem"
bad 'registries.yaml that is not there' 2 'missing.yaml' -- "$webhook" "${base[@]:0:6}" --registries "$T/missing.yaml"
bad 'credentials that are not there' 2 'missing.json' -- "$webhook" "${base[@]}" --authfile "$T/missing.json"
bad 'token that is not there' 2 'missing-token' -- "$webhook" "${base[@]}" --token-file "$T/missing-token"

# --- Start ---

start first
first=$pid
sentence 'port in use' 3 'listen.*in use' -- "$webhook" "${base[@]}" --listen "$address"
assert 'one line says what serves' test "$(field first policy) $(field first serial)" = 'production 1'

# Until the first answer over TLS, the best of five: the machine may be busy with other things.
cat >"$T/ready.py" <<'EOF'
import os, signal, socket, ssl, subprocess, sys, time
best = None
for _ in range(5):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    context = ssl.create_default_context(cafile=sys.argv[1])
    began = time.monotonic()
    child = subprocess.Popen(sys.argv[2:] + ["--listen", f"127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
    while True:
        try:
            with context.wrap_socket(socket.create_connection(("127.0.0.1", port), 5), server_hostname="127.0.0.1") as s:
                s.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
                answer = s.recv(100)
            break
        except ConnectionRefusedError:
            if time.monotonic() - began > 10:
                sys.exit("not ready in 10 s")
            time.sleep(0.001)
    took = (time.monotonic() - began) * 1000
    assert b" 200 " in answer, answer
    best = took if best is None else min(best, took)
    child.send_signal(signal.SIGTERM)
    assert child.wait(10) == 0
print(f"ready in {best:.0f} ms")
sys.exit(best >= 100)
EOF
check 'ready in less than 100 ms' 0 'ready in' '' -- python3 "$T/ready.py" "$cacert" "$webhook" "${base[@]}" --drain-delay 0s
sed 's/^/    /' "$T/out"

# --- Probes and pages ---

assert 'healthz' test "$(get /healthz)" = ok
assert 'readyz' test "$(get /readyz)" = ok
assert 'readyz tells the policy' verbose '^policy production serial 1 hash [0-9a-f]\{12\} mode enforce$'
assert 'and the generation' verbose '^generation 1 loaded 20'
assert 'nothing at /' test "$(status_of /)" = 404
assert 'no metrics among the reviews' test "$(status_of /metrics)" = 404
assert 'no review by GET' test "$(status_of /validate)" = 405
assert 'no reviews among the metrics' test "$(curl -s -o /dev/null -w '%{http_code}' -d x "http://$page/validate")" = 404
answers 'signed image' "$signed" true
answers 'unsigned image' "$unsigned" false 403 unsigned
answers 'host that nobody named, on loopback' 127.0.0.2:5000/x@"${signed#*@}" false 503 registry-unreachable
answers 'signed image again' "$signed" true
assert 'reviews are counted' shows 'bulla_webhook_reviews_total{path="validate",verdict="allow",mode="enforce",reason="none"}' 2
assert 'denials are' shows 'bulla_webhook_reviews_total{path="validate",verdict="deny",mode="enforce",reason="unsigned"}' 1
assert 'what could not be found out is' shows 'bulla_webhook_reviews_total{path="validate",verdict="unknown",mode="enforce",reason="registry-unreachable"}' 1
assert 'a look-up was kept' shows 'bulla_webhook_lookups_total{result="hit"}' 1
assert 'requests of the registry' shows "bulla_webhook_registry_requests_total{host=\"$plain\",status=\"200\"}" '[1-9][0-9]*'
assert 'the policy' shows 'bulla_webhook_policy_serial' 1
assert 'the certificate' shows 'bulla_webhook_certificate_expiry_timestamp_seconds' '1[0-9]*'
curl -s "http://$page/metrics" >"$T/metrics"
check 'promtool has nothing to say' 0 - - -- bash -c 'promtool check metrics <"$1"' bash "$T/metrics"

# --- Reload ---

kill -HUP "$first"
assert 'SIGHUP loads anew' wait_for 5 verbose '^generation 2 '
mount_files "$(policy 2)" "$T/release.pub"
assert 'a swapped folder is taken by itself' wait_for 5 verbose 'serial 2 '
answers 'the same image' "$signed" true
mount_files "$(policy 3)" "$T/stranger.pub"
assert 'and with another key' wait_for 5 verbose 'serial 3 '
answers 'for which the image is not signed' "$signed" false 403 wrong-signer
mount_files "$(policy 4 | sed 's/require/requires/')" "$T/release.pub"
assert 'a bad policy is told in readiness' wait_for 5 verbose 'last reload failed .*policy.yaml:8:'
assert 'which stays good' test "$(status_of /readyz)" = 200
assert 'and in the metrics' shows bulla_webhook_last_reload_successful 0
assert 'and in the log, with its line' grep -q 'reload failed, generation 4 serves on: policy.yaml:8:.*did you mean' "$T/first.err"
answers 'while the old one serves on' "$signed" false 403 wrong-signer
assert 'with its serial' shows bulla_webhook_policy_serial 3
mount_files "$(policy 5)" "$T/release.pub"
assert 'the mended one is taken' wait_for 5 verbose 'serial 5 '
assert 'and the failure forgotten' shows bulla_webhook_last_reload_successful 1
answers 'signed by the old key again' "$signed" true

serial()
{
    openssl s_client -connect "$address" </dev/null 2>/dev/null | openssl x509 -noout -serial
}
before=$(serial)
make_ca "$T/ca" && cat "$cacert" >"$T/new-ca.pem"
cp "$T/ca/server.key" "$T/key.pem.new" && cp "$T/ca/server.pem" "$T/cert.pem.new"
mv "$T/cert.pem.new" "$T/cert.pem" && mv "$T/key.pem.new" "$T/key.pem"
changed_serial()
{
    [ "$(serial)" != "$before" ]
}
assert 'a new certificate is served' wait_for 5 changed_serial
assert 'to clients that trust it' test "$(get /healthz)" = ok
stop "$first"

# --- Who may call ---

client_pair "$T/ca" "$T/client"
mkdir "$T/other"
make_ca "$T/other"
client_pair "$T/other" "$T/foreign"
with()
{
    ask "$signed" --cert "$T/$1.cert" --key "$T/$1.key" -o "$T/out" -w '%{http_code}'
}
start clients --client-ca "$cacert" --client-name 'a client'
assert 'no client certificate' test "$(ask "$signed" -o "$T/out" -w '%{http_code}')" = 403
assert 'of another authority' test "$(with foreign)" = 403
assert 'the right one' test "$(with client)" = 200
assert 'which gets a review' grep -q '"allowed":true' "$T/out"
assert 'probes ask nobody' test "$(get /readyz)" = ok
stop "$pid"
start names --client-ca "$cacert" --client-name 'another client'
assert 'a certificate of another name' test "$(with client)" = 403
stop "$pid"

echo first-token >"$T/token"
start token --token-file "$T/token"
bearer()
{
    ask "$signed" -H "Authorization: Bearer $1" -o "$T/out" -w '%{http_code}'
}
assert 'no token' test "$(ask "$signed" -o "$T/out" -w '%{http_code}')" = 401
assert 'another token' test "$(bearer first-toke)" = 401
assert 'the token' test "$(bearer first-token)" = 200
echo second-token >"$T/token.new" && mv "$T/token.new" "$T/token"
second_taken()
{
    [ "$(bearer second-token)" = 200 ]
}
assert 'a new token is taken' wait_for 5 second_taken
assert 'and the old one is not' test "$(bearer first-token)" = 401
assert 'no token in the log' lacks 'first-token\|second-token' "$T/token.err"
assert 'probes ask nobody for it' test "$(get /healthz)" = ok
stop "$pid"

# --- Credentials that are mounted, and rotate ---

start_registry closed tls-htpasswd
closed=$registry
printf '{"auths":{"%s":{"auth":"%s"}}}' "$closed" "$(printf alice:secret | base64 -w0)" >"$T/login.json"
export SSL_CERT_FILE=$T/closed/ca.pem
AUTHFILE=$T/login.json image closed "$closed/app"
unset SSL_CERT_FILE
quietly "$sign" "$ref" --key "$T/release.key" --authfile "$T/login.json" --registry-cacert "$T/closed/ca.pem"
printf 'version: 1\nregistries:\n  %s: {ca: closed/ca.pem, private: true}\n' "$closed" >"$T/closed.yaml"
mkdir -p "$T/pull/team/..1" "$T/pull/team/..2"
sed "s/$(printf alice:secret | base64 -w0)/$(printf alice:wrong | base64 -w0)/" "$T/login.json" >"$T/pull/team/..1/.dockerconfigjson"
cp "$T/login.json" "$T/pull/team/..2/.dockerconfigjson"
ln -s ..1 "$T/pull/team/..data"
ln -s ..data/.dockerconfigjson "$T/pull/team/.dockerconfigjson"
base=("${base[@]:0:6}" --registries "$T/closed.yaml")
start pull --authfile "$T/pull"
answers 'credentials that are refused' "$ref" false 503 registry-auth
ln -s ..2 "$T/pull/team/..next" && mv -T "$T/pull/team/..next" "$T/pull/team/..data"
answers 'rotated, they are used at once' "$ref" true
stop "$pid"
base=("${base[@]:0:6}" --registries "$T/registries.yaml")

# --- The end ---

DELAY=2s start ending
rm -f "$T/enough"
for n in 1 2 3 4; do
    (
        while [ ! -e "$T/enough" ]; do
            ask "$signed" | grep -q '"allowed":true' && echo good || echo bad
        done
    ) >"$T/load.$n" 2>&1 &
    pids+=("$!")
    loads[n]=$!
done
wait_for 5 test -s "$T/load.4"
kill "$pid"
draining()
{
    [ "$(status_of /readyz)" = 503 ]
}
assert 'SIGTERM: not ready' wait_for 2 draining
assert 'but alive' test "$(get /healthz)" = ok
answers 'and still answering' "$signed" true
touch "$T/enough" # as endpoints that were told
wait "${loads[@]}" || true
status=0
wait "$pid" || status=$?
assert 'ended with 0' test "$status" -eq 0
assert 'no review failed under load' lacks bad "$T/load.1" "$T/load.2" "$T/load.3" "$T/load.4"
assert 'and there were some' grep -q good "$T/load.1"

# A registry that takes connections and says nothing: the review is answered, and the process does not wait for the look-up.
server hanging python3 -c 'import socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(64)
print(s.getsockname()[1], flush=True); time.sleep(600)'
wait_for 5 test -s "$T/hanging.log"
hanging=127.0.0.1:$(cat "$T/hanging.log")
printf 'version: 1\nregistries:\n  %s: {plain-http: true, private: true}\n  %s: {plain-http: true, private: true}\n' "$plain" "$hanging" >"$T/registries.yaml"
start waiting --drain 15s
TIMEOUT=3s ask "$hanging/x@${signed#*@}" >"$T/late" &
late=$!
in_flight()
{
    shows bulla_webhook_reviews_in_flight 1
}
wait_for 5 in_flight
before=$SECONDS
kill "$pid"
wait "$late" || true
status=0
wait "$pid" || status=$?
assert 'what has begun is answered' grep -q '"allowed":false.*"code":503' "$T/late"
assert 'with its reason' grep -q '"reason":"deadline"' "$T/late"
assert 'ended with 0 though a look-up hangs' test "$status" -eq 0
assert 'in the time it has' test $((SECONDS - before)) -le 6

start killed
{ kill -9 "$pid" && wait "$pid"; } 2>/dev/null || true
server again "$webhook" "${base[@]}" --listen "$address" --drain-delay 0s
assert 'after kill -9 it starts at the same address' wait_for 10 grep -q '"listening"' "$T/again.err"
answers 'and answers' "$signed" true
kill -INT "$pid"
status=0
wait "$pid" || status=$?
assert 'SIGINT ends it with 0' test "$status" -eq 0

# --- The doctor ---

printf 'version: 1\nregistries:\n  %s: {plain-http: true, private: true}\n' "$plain" >"$T/registries.yaml"
doctor=("$webhook" doctor "${base[@]}")
configuration()
{
    cat <<EOF
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: bulla}
webhooks:
  - name: pods.bulla
    clientConfig: {url: "https://127.0.0.1:8443/validate", caBundle: $(base64 -w0 "$cacert")}
    admissionReviewVersions: [v1]
    failurePolicy: Fail
    sideEffects: None
    timeoutSeconds: 10
    rules:
      - {operations: [CREATE, UPDATE], apiGroups: [''], apiVersions: [v1], resources: [pods, pods/ephemeralcontainers], scope: Namespaced}
EOF
}
configuration >"$T/configuration.yaml"
# diagnosis NAME PATTERN SED: the configuration changed so fails for this reason.
diagnosis()
{
    configuration | sed "$3" >"$T/changed.yaml"
    check "doctor: $1" 1 "^fail configuration: .*$2" - -- "${doctor[@]}" --config "$T/changed.yaml"
}
check 'doctor: all is fine' 0 '^ok   registry: .* answers 200' - -- "${doctor[@]}" --service localhost --config "$T/configuration.yaml"
assert 'doctor: no failure told' lacks '^fail' "$T/out"
assert 'doctor: caBundle' grep -q '^ok   configuration: .*caBundle trusts' "$T/out"
assert 'doctor: the clock' grep -q '^ok   clock: ' "$T/out"
check 'doctor: another service' 1 '^fail certificate: does not name other.bulla.svc' - -- "${doctor[@]}" --service other.bulla.svc
diagnosis 'another path' 'not /validate' 's|8443/validate|8443/mutate|'
diagnosis 'another host' 'does not name 127.0.0.9' 's|127.0.0.1|127.0.0.9|'
diagnosis 'plain HTTP' 'not https' 's|https:|http:|'
diagnosis 'failurePolicy' 'every image gets in' 's|policy: Fail|policy: Ignore|; s|failurePolicy: Fail|failurePolicy: Ignore|'
diagnosis 'versions' 'lacks v1' 's|admissionReviewVersions: .v1.|admissionReviewVersions: [v1beta1]|'
diagnosis 'timeout' 'from 1 to 30' 's|timeoutSeconds: 10|timeoutSeconds: 31|'
diagnosis 'no ephemeral containers' 'pods/ephemeralcontainers' 's|, pods/ephemeralcontainers||'
diagnosis 'no updates' 'not asked about' 's|, UPDATE||'
diagnosis 'caBundle of another authority' 'does not trust' "s|caBundle: .*}|caBundle: $(base64 -w0 "$T/other/ca.pem")}|"
diagnosis 'caBundle that is a placeholder' 'not base64' 's|caBundle: .*}|caBundle: CA_BUNDLE}|'
diagnosis 'no configuration' 'holds no webhook configuration' 's|kind: Validating.*|kind: Pod|'
printf 'version: 1\nregistries:\n  127.0.0.1:%s: {plain-http: true, private: true}\n' "$(closed_port)" >"$T/registries.yaml"
check 'doctor: registry that is not there' 1 '^fail registry: .*refused' - -- "${doctor[@]}"
{ policy 6 && echo '  - {name: old, images: "old.example/**", allow-unsigned: {reason: x, until: 2020-01-01}}'; } >"$T/mount/..v$versions/policy.yaml"
check 'doctor: policy with an end that has passed' 1 '^fail policy: .*2020-01-01' - -- "${doctor[@]}"
check 'doctor: files that cannot be read' 1 '^fail files: .*missing' - -- "${doctor[@]}" --authfile "$T/missing"
sentence 'doctor: command line' 2 'no policy' -- "$webhook" doctor

finish
