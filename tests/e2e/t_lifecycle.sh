#!/bin/bash
# The webhook's own life as a cluster sees it: away and back, certificate and policy changed under load, overloaded.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

start_cluster
start_registry main plain
quietly "$sign" generate-key-pair --output-key-prefix "$T/release"
for name in good bare; do
    image "$name" "$registry/apps/$name"
    declare "$name=$ref"
done
quietly "$sign" "${good:?}" --key "$T/release.key"
plain_registries
# policy SERIAL [RULES]: with further rules in front of the one for signed images.
policy()
{
    cat >"$T/policy.yaml" <<END
version: 1
name: e2e
serial: $1
unmatched: deny
signers: {release: {key: release.pub}}
rules:
  ${2:-}
  - {name: apps, images: "$registry/apps/**", require: {signed: release}}
END
    mount_policy
}
policy 1
mount_tls
start_webhook webhook
register
comes_in()
{
    kubectl create --dry-run=server -f "$(pod probe "$1")"
}
export -f comes_in
comes_not_in()
{
    ! comes_in "$1"
}

# --- Away and back ---
check 'a signed image comes in' 0 created - -- comes_in "$good"
listen=$address
kill "$pid"
wait "$pid" && status=0 || status=$?
assert 'the webhook ends with success when it is told to' [ "$status" -eq 0 ]
check 'while the webhook is away nothing comes in' 1 - 'failed calling webhook.*connect' -- comes_in "$good"
check 'not even what is signed by nobody' 1 - 'failed calling webhook' -- comes_in "${bare:?}"
check 'what it does not judge goes on' 0 created - -- kubectl create configmap away
check 'a namespace that is left out goes on' 0 created - -- kubectl create -n kube-system -f "$(pod system "$bare")"
check 'its own configuration can be taken away' 0 'deleted' '' -- kubectl delete --dry-run=server -f "$T/configurations.json"
start_webhook webhook2 --metrics-listen 127.0.0.1:0
check 'it comes back' 0 created - -- comes_in "$good"
check 'and judges as before' 1 - 'denied the request: .*unsigned' -- comes_in "$bare"

# --- Changed under load ---
# load NAME IMAGE: asks for a Pod of the image again and again until $T/enough is there; HTTP statuses to $T/NAME.codes.
load()
{
    local file
    file=$(pod "$1" "$2")
    until [ -e "$T/enough" ]; do
        curl -sS --max-time 40 --cacert "$T/cluster/ca.pem" -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
            --data-binary "@$file" -o /dev/null -w '%{http_code}\n' "$api_url/api/v1/namespaces/shop/pods?dryRun=All" || echo failed
    done >"$T/$1.codes" 2>&1
}
served_certificate()
{
    openssl s_client -connect "$address" -CAfile "$T/tls/ca.pem" </dev/null 2>/dev/null | openssl x509 -noout -serial
}
serves()
{
    [ "$(served_certificate)" = "$(openssl x509 -noout -serial -in "$T/tls/tls.crt")" ]
}
judges_by()
{
    comes_in "$bare" 2>&1 | grep -q "e2e#$1"
}
loads=()
for i in 1 2 3; do
    load "good-$i" "$good" &
    loads+=("$!")
done
load bare "$bare" &
loads+=("$!")
pids+=("${loads[@]}")
before=$(served_certificate)
for i in 1 2 3; do
    mount_tls
    wait_for 15 serves || not_ok "certificate $i is served" "$(served_certificate)"
    policy "$((i + 1))"
    wait_for 15 judges_by "$((i + 1))" || not_ok "policy $i is judged by" "not seen"
done
assert 'a new certificate is served' [ "$before" != "$(served_certificate)" ]
assert 'and it is the last one' serves
assert 'a new policy is judged by' judges_by 4
policy 5 'this is no rule'
sleep 3
assert 'a policy that cannot be read changes nothing' judges_by 4
policy 6 "- {name: open, images: \"$registry/apps/bare@${bare##*@}\", allow-unsigned: {reason: \"a test\", until: 2099-01-01}}"
wait_for 15 comes_in "$bare" || true
check 'the next that can be read is judged by' 0 created - -- comes_in "$bare"
policy 7
wait_for 15 comes_not_in "$bare" || true
touch "$T/enough"
wait "${loads[@]}" || true
assert 'all the while signed images came in' [ "$(sort -u "$T"/good-?.codes)" = 201 ]
assert 'in numbers' [ "$(cat "$T"/good-?.codes | wc -l)" -gt 100 ]
assert 'and no question was left without an answer' [ "$(sort -u "$T/bare.codes" | tr '\n' ' ')" = '201 403 ' ]
sort "$T"/good-?.codes "$T/bare.codes" | uniq -c | sed 's/^/    /'

# --- What the API server does about a webhook that has no room ---
server stub python3 "$e2e/stub.py" --cert "$T/tls.mounted/tls.crt" --key "$T/tls.mounted/tls.key" --addr-file "$T/stub.addr"
wait_for 10 test -s "$T/stub.addr" || no_server stub
stub=$(cat "$T/stub.addr")
hook Validating stub "https://$stub/allow"
stub_called()
{
    comes_in "$good" && grep -q "^$1 " "$T/stub.log"
}
wait_for 10 stub_called /allow || true
hook Validating stub "https://$stub/busy/2"
wait_for 15 stub_called /busy/2 || true
assert '503 with Retry-After is asked again until there is an answer' [ "$(grep -c '^/busy/2 503' "$T/stub.log")" -eq 2 ]
hook Validating stub "https://$stub/busy-for-good/1"
for _ in 1 2 3 4 5 6 7 8 9 10; do
    run comes_in "$good"
    ! grep -q '^/busy-for-good/1 ' "$T/stub.log" || break
    sleep 0.3
done
assert '503 without is a failed call' grep -q 'failed calling webhook' "$T/err"
assert 'and is not asked again' [ "$(grep -c '^/busy-for-good/1' "$T/stub.log")" -eq 1 ]
quietly kubectl delete validatingwebhookconfiguration stub

# --- Our own at the end of its memory ---
cat >"$T/hold.py" <<'END'
"""hold.py HOST:PORT CA BYTES COUNT SECONDS: requests that announce BYTES each and send none of them, for so long."""
import socket, ssl, sys, time
(host, port), ca, size, count, seconds = sys.argv[1].rsplit(":", 1), sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5])
context = ssl.create_default_context(cafile=ca)
held = []
for _ in range(count):
    held.append(context.wrap_socket(socket.create_connection((host, int(port))), server_hostname=host))
    held[-1].sendall(("POST /validate?timeout=10s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %s\r\n\r\n{" % size).encode())
print("held", flush=True)
time.sleep(seconds)
END
listen=
start_webhook small --memory 8MiB
small=$address
hook Validating small "https://$small/validate"
wait_for 10 comes_not_in "$bare" || true
server hold python3 "$T/hold.py" "$small" "$T/tls/ca.pem" 8388608 1 2.5
wait_for 10 grep -q held "$T/hold.log" || no_server hold
began=$(date +%s%N)
check 'a review that found no room comes in once there is some' 0 created - -- comes_in "$good"
took=$((($(date +%s%N) - began) / 1000000))
assert 'for the API server asked again' [ "$took" -ge 1000 ]
finish
