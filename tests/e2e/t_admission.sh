#!/bin/bash
# What comes into a cluster and what does not: a real API server asks the webhook, and kubectl is told.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

start_cluster
start_registry main plain
registry_pid=$pid
for key in release other; do
    quietly "$sign" generate-key-pair --output-key-prefix "$T/$key"
done
# Each NAME becomes an image; its reference by digest goes to $NAME. What is signed is signed by digest.
for name in good good2 bare bare2 foreign; do
    image "$name" "$registry/apps/$name"
    declare "$name=$ref"
done
quietly "$sign" "${good:?}" "${good2:?}" --key "$T/release.key"
quietly "$sign" "${foreign:?}" --key "$T/other.key"
digest_of()
{
    echo "${1##*@}"
}

plain_registries
# policy TEMPLATES: what the whole file says.
policy()
{
    cat >"$T/policy.yaml" <<END
version: 1
name: e2e
serial: 7
unmatched: deny
tags: pin
templates: $1
signers: {release: {key: release.pub}}
rules:
  - {name: legacy, images: "$registry/legacy/**", deny: use apps instead}
  - {name: apps, images: "$registry/apps/**", require: {signed: release}}
END
    mount_policy
}
policy warn
mount_tls
start_webhook webhook
webhook_pid=$pid
register
denied_by='admission webhook "[^"]+" denied the request: .*'

# --- Pods by digest ---
check 'a signed image comes in' 0 '^pod/signed created' - -- kubectl create -f "$(pod signed "$good")"
check 'an unsigned one does not' 1 - "^Error from server \(Forbidden\): .*${denied_by}unsigned" -- kubectl create -f "$(pod unsigned "${bare:?}")"
check 'nor one signed by another key' 1 - "Forbidden.*${denied_by}" -- kubectl create -f "$(pod foreign "$foreign")"
check 'nor one that a rule denies, with its word' 1 - "${denied_by}use apps instead" -- kubectl create -f "$(pod legacy "$registry/legacy/x@$(digest_of "$good")")"
check 'nor one that no rule matches' 1 - "${denied_by}" -- kubectl create -f "$(pod unmatched "elsewhere.test/x@$(digest_of "$good")")"
check 'nothing of what was denied is there' 0 '^pod/signed$' - -- kubectl get pods -o name
assert 'and nothing else is' [ "$(wc -l <"$T/out")" -eq 1 ]
check 'the message names image, rule, policy and line' 1 - "image $registry/apps/bare@?.*denied by rule \"apps\" \(e2e#7, policy.yaml:[0-9]+\)" -- \
    kubectl create -f "$(pod unsigned "$bare")"
answered 'the API says 403 Forbidden, with a cause for the field' 403 \
    '.kind == "Status" and .code == 403 and .reason == "Forbidden" and (.message | test("unsigned")) and
     (.details.causes | length == 1 and .[0].field == "spec.containers[0].image" and .[0].reason == "unsigned" and (.[0].message | length > 0))' -- \
    POST /api/v1/namespaces/shop/pods "$(pod unsigned "$bare")"
answered 'one signed image does not bring in another' 403 '.details.causes | map(.field) == ["spec.containers[1].image"]' -- \
    POST /api/v1/namespaces/shop/pods "$(pod both "$good" '.spec.containers += [{name: "second", image: "'"$bare"'"}]')"
check 'nor does an init container' 1 - "$denied_by" -- kubectl create -f "$(pod init "$good" '.spec.initContainers = [{name: "first", image: "'"$bare"'"}]')"
check 'two signed ones come in' 0 created - -- kubectl create -f "$(pod two "$good" '.spec.initContainers = [{name: "first", image: "'"$good2"'"}]')"

# --- Image volumes ---
volume()
{
    pod "$1" "$good" '.spec.volumes = [{name: "data", image: {reference: "'"$2"'"}}]'
}
check 'an image volume that is signed comes in' 0 created - -- kubectl create -f "$(volume volume "$good2")"
answered 'one that is not does not' 403 '.details.causes | map(.field) == ["spec.volumes[0].image.reference"]' -- \
    POST /api/v1/namespaces/shop/pods "$(volume bad-volume "$bare")"

# --- Tags ---
check 'a tag comes in' 0 created - -- kubectl create -f "$(pod tagged "$registry/apps/good:v1")"
check 'pinned to its digest, with the tag' 0 "^$registry/apps/good:v1@$(digest_of "$good")\$" - -- in_pod tagged '.spec.containers[0].image'
check 'the tag of an image volume is pinned as well' 0 created - -- kubectl create -f "$(volume tagged-volume "$registry/apps/good2:v1")"
check 'to its own digest' 0 "^$registry/apps/good2:v1@$(digest_of "$good2")\$" - -- in_pod tagged-volume '.spec.volumes[0].image.reference'
check 'a digest stays as it was written' 0 "^$good\$" - -- in_pod signed '.spec.containers[0].image'
check 'the tag of an unsigned image does not come in' 1 - "${denied_by}" -- kubectl create -f "$(pod tagged-bare "$registry/apps/bare:v1")"
check 'nor a tag that there is not' 1 - 'denied the request: .*not-found' -- kubectl create -f "$(pod no-tag "$registry/apps/good:none")"

# --- A tag that moves between the two reviews ---
# Two repositories, since what a tag is may be remembered for some seconds. Each holds both images, the good one signed.
for repository in moving moving2; do
    push bare "$registry/apps/$repository:v1"
    push good "$registry/apps/$repository:good"
    quietly "$sign" "$registry/apps/$repository@$(digest_of "$good")" --key "$T/release.key"
done
jq -n --arg image "$bare" '{name: "injected", image: $image}' >"$T/injected.json"
# mover NAME LAYOUT REPOSITORY: a webhook behind which the tag v1 is another image.
mover()
{
    server "$1" python3 "$e2e/stub.py" --cert "$T/tls.mounted/tls.crt" --key "$T/tls.mounted/tls.key" --addr-file "$T/$1.addr" \
        --inject "$T/injected.json" --command skopeo118 --insecure-policy copy -q --dest-tls-verify=false "oci:$T/$2:v1" \
        "docker://$registry/apps/$3:v1"
    wait_for 10 test -s "$T/$1.addr" || no_server "$1"
}
mover to-bare bare moving
hook Mutating zz-later "https://$(cat "$T/to-bare.addr")/command"
called()
{
    kubectl create --dry-run=server -f "$(pod probe "$good")" && grep -q 200 "$T/$1.log"
}
wait_for 10 called to-bare || true
push good "$registry/apps/moving:v1"
check 'a tag that moves to an unsigned image after it was pinned comes in' 0 created - -- kubectl create -f "$(pod moved "$registry/apps/moving:v1")"
check 'as what it was when it was judged' 0 "@$(digest_of "$good")\$" - -- in_pod moved '.spec.containers[0].image'
assert 'and it did move' [ "$(crane digest --insecure "$registry/apps/moving:v1")" = "$(digest_of "$bare")" ]
mover to-good good moving2
hook Mutating zz-later "https://$(cat "$T/to-good.addr")/command"
wait_for 10 called to-good || true
push bare "$registry/apps/moving2:v1"
check 'a tag that moves to a signed image after it was pinned does not' 1 - "${denied_by}unsigned" -- \
    kubectl create -f "$(pod moved2 "$registry/apps/moving2:v1")"
assert 'though it did move' [ "$(crane digest --insecure "$registry/apps/moving2:v1")" = "$(digest_of "$good")" ]

# --- A container that another webhook brings ---
hook Mutating zz-later "https://$(cat "$T/to-good.addr")/inject"
injected()
{
    kubectl create --dry-run=server -f "$(pod probe "$good")" 2>&1 | grep -q "$1"
}
wait_for 10 injected unsigned || true
answered 'an unsigned container that a later webhook brings is judged' 403 '.details.causes | map(.field) == ["spec.containers[1].image"]' -- \
    POST /api/v1/namespaces/shop/pods "$(pod sidecar "$good")"
jq -n --arg image "$registry/apps/good2:v1" '{name: "injected", image: $image}' >"$T/injected.json"
check 'a signed one comes in' 0 created - -- kubectl create -f "$(pod sidecar "$good")"
check 'and its tag is pinned, though it came after us' 0 "^$registry/apps/good2:v1@$(digest_of "$good2")\$" - -- in_pod sidecar '.spec.containers[1].image'
quietly kubectl delete mutatingwebhookconfiguration zz-later

# --- Templates ---
check 'a Deployment of an unsigned image comes in with a warning' 0 'created' '^Warning: .*apps/bare.*' -- kubectl create -f "$(template warned "$bare")"
check 'one of a signed image without' 0 created - -- kubectl create -f "$(template quiet "$good")"
check 'one of a tag of a signed image as well, unpinned' 0 created '' -- kubectl create -f "$(template quiet-tag "$registry/apps/good:v1")"
assert 'a template is not changed' [ "$(kubectl get deployment quiet-tag -o jsonpath='{.spec.template.spec.containers[0].image}')" = "$registry/apps/good:v1" ]
policy enforce
strict()
{
    ! kubectl create --dry-run=server -f "$(template probe-template "$bare")"
}
wait_for 15 strict || true
check 'with templates: enforce it does not come in' 1 - "Forbidden.*$denied_by" -- kubectl create -f "$(template refused "$bare")"
check 'one of a signed image does' 0 created - -- kubectl create -f "$(template allowed "$good")"
check 'a CronJob is looked into as well' 1 - "$denied_by" -- kubectl create cronjob nightly --schedule '0 3 * * *' --image "$bare"
check 'that of a signed image comes in' 0 created - -- kubectl create cronjob nightly --schedule '0 3 * * *' --image "$good"
policy warn

# --- Ephemeral containers ---
debug()
{
    kubectl debug "$1" --image "$2" --container "$3" --profile general --attach=false --target main
}
export -f debug
check 'an ephemeral container of an unsigned image is refused' 1 '' "$denied_by" -- debug signed "$bare" dbg
check 'one of a signed image comes in' 0 '' '' -- debug signed "$good2" dbg-good
check 'and is there' 0 "^$good2\$" - -- in_pod signed '.spec.ephemeralContainers[].image'
check 'its tag is pinned' 0 '' '' -- debug signed "$registry/apps/good2:v1" dbg-tag
check 'and stored so' 0 "^$registry/apps/good2:v1@$(digest_of "$good2")\$" - -- in_pod signed '.spec.ephemeralContainers[1].image'

# --- Updates ---
echo '{"spec": {"containers": [{"name": "main", "image": "'"$bare"'"}]}}' >"$T/to-bare.json"
echo '{"spec": {"containers": [{"name": "main", "image": "'"$good2"'"}]}}' >"$T/to-good2.json"
answered 'an update to an unsigned image is refused' 403 '.details.causes[0].field == "spec.containers[0].image"' -- \
    PATCH /api/v1/namespaces/shop/pods/signed "$T/to-bare.json"
answered 'one to a signed image is not' 200 '.spec.containers[0].image == "'"$good2"'"' -- PATCH /api/v1/namespaces/shop/pods/signed "$T/to-good2.json"

# --- Namespaces ---
own=$(jq -r 'select(.kind == "ValidatingWebhookConfiguration") | .webhooks[0].namespaceSelector.matchExpressions[] |
    select(.key == "kubernetes.io/metadata.name" and .operator == "NotIn") | .values[] | select(. != "kube-system")' "$T/configurations.json" | head -n 1)
assert 'the configuration leaves its own namespace out' [ -n "$own" ]
for namespace in "$own" lookalike; do
    quietly kubectl create namespace "$namespace"
done
quietly kubectl label namespace lookalike "name=$own" app.kubernetes.io/name=kube-system
check 'kube-system is left alone' 0 created - -- kubectl create -n kube-system -f "$(pod system "$bare")"
check 'our own namespace as well' 0 created - -- kubectl create -n "$own" -f "$(pod own "$bare")"
check 'another with labels of its choosing is not' 1 - "$denied_by" -- kubectl create -n lookalike -f "$(pod other "$bare")"

# --- Without our mutating webhook ---
jq 'select(.kind == "MutatingWebhookConfiguration")' "$T/configurations.json" >"$T/mutating.json"
jq '.webhooks[].clientConfig.url = "https://127.0.0.1:'"$(closed_port)"'/mutate"' "$T/mutating.json" >"$T/dead.json"
quietly kubectl apply -f "$T/dead.json"
unpinned()
{
    kubectl create --dry-run=server -f "$(pod probe "$registry/apps/good:v1")" 2>&1 | grep -q not-a-digest
}
wait_for 15 unpinned || true
check 'a tag that nobody pinned is denied: /mutate is down' 1 - "Forbidden.*${denied_by}not-a-digest" -- kubectl create -f "$(pod unpinned "$registry/apps/good:v1")"
check 'a digest comes in' 0 created - -- kubectl create -f "$(pod by-digest "$good")"
quietly kubectl delete -f "$T/dead.json"
check 'a tag that nobody pinned is denied: /mutate is not registered' 1 - "${denied_by}not-a-digest" -- kubectl create -f "$(pod unpinned "$registry/apps/good:v1")"
quietly kubectl apply -f "$T/mutating.json"
pinned()
{
    kubectl create --dry-run=server -f "$(pod probe "$registry/apps/good:v1")"
}
wait_for 15 pinned || true

# --- What is written down ---
# annotations POD FIELD: of the requests for it in the API server's audit log; the webhook's name is in front of each key.
annotations()
{
    jq -c 'select(.objectRef.resource == "pods" and .objectRef.name == "'"$1"'" and .responseStatus.code == '"$2"') | .annotations' "$T/cluster/audit.log"
}
export -f annotations
check 'the audit log names rule and digest of what came in' 0 "\"[^\"]*/[^\"]+\":\"[^}]*apps.*$(digest_of "$good")" - -- annotations signed 201
check 'and the reason of what was denied' 0 'unsigned' - -- annotations unsigned 403

# --- The registry is away ---
image late "$registry/apps/late"
late=$ref
quietly "$sign" "$late" --key "$T/release.key"
sed -i "s/127.0.0.1:0/$registry/" "$T/main/config.yml"
stop "$registry_pid"
answered 'an image that cannot be asked about is refused with 503, not 403' 503 \
    '.code == 503 and .reason == "ServiceUnavailable" and (.message | test("registry-unreachable")) and .details.causes[0].reason == "registry-unreachable"' -- \
    POST /api/v1/namespaces/shop/pods "$(pod late "$late")"
check 'a Pod whose images do not change is updated all the same' 0 labeled - -- kubectl label pod signed tier=front
check 'and deleted' 0 deleted - -- kubectl delete pod two --now
check 'an update to an image that cannot be asked about is refused' 1 - registry-unreachable -- \
    kubectl set image pod/signed "main=$late"
server main docker-registry serve "$T/main/config.yml"
wait_for 10 curl -sf "http://$registry/v2/" || no_server main
check 'it comes in when the registry is back' 0 created - -- kubectl create -f "$(pod late "$late")"

kill -0 "$webhook_pid" || not_ok 'one webhook did all this' 'it is gone'
finish
