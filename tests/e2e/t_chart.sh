#!/bin/bash
# The chart and the plain manifests against a real API server: what it accepts, that an upgrade keeps the certificate, that one in its last
# days is renewed without a gap, that an autoscaler's number stays, what is left after an uninstallation.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

chart=$root/deploy/chart/bulla
export HELM_CACHE_HOME=$T/helm HELM_CONFIG_HOME=$T/helm HELM_DATA_HOME=$T/helm
start_cluster

# field KIND NAME JSONPATH
field()
{
    kubectl -n bulla-system get "$1" "$2" -o "jsonpath=$3"
}

secret()
{
    field secret bulla-webhook-tls "{.data.${1//./\\.}}" | base64 -d
}

trusted()
{
    field validatingwebhookconfiguration bulla-webhook '{.webhooks[0].clientConfig.caBundle}' | base64 -d
}

# upgrade NAME OPTION...: a step of the release.
upgrade()
{
    local name=$1
    shift
    check "$name" 0 'STATUS: deployed' '' -- helm upgrade --install bulla "$chart" -n bulla-system --create-namespace "$@"
}

# --- Plain manifests ---

check 'the namespace' 0 created '' -- kubectl apply -f "$root/deploy/manifests/0-namespace.yaml"
check 'the manifests are accepted as they are' 0 'deployment.apps/bulla-webhook' - -- \
    kubectl apply --dry-run=server --validate=strict -f "$root/deploy/manifests" -f "$root/deploy/manifests/autoscaling" -f "$root/deploy/static-pod"
check 'a registration without an authority is not' 1 '' 'illegal base64' -- \
    kubectl apply --dry-run=server -f "$root/deploy/manifests/registration"
for folder in manifests static-pod; do
    mkdir "$T/$folder"
    for file in "$root/deploy/$folder/registration"/*.yaml; do
        sed "s/CA_BUNDLE/$(base64 -w 0 "$T/cluster/ca.pem")/" "$file" >"$T/$folder/$(basename "$file")"
    done
    check "with one it is: $folder" 0 'validatingwebhookconfiguration.*/bulla-webhook' - -- \
        kubectl apply --dry-run=server --validate=strict -f "$T/$folder"
done
quietly kubectl delete namespace bulla-system --wait=false
quietly kubectl get --raw /api/v1/namespaces/bulla-system # nobody finalizes it here: it stays, and takes no new objects
jq 'del(.spec.finalizers)' "$T/out" >"$T/finalize.json"
quietly kubectl replace --raw /api/v1/namespaces/bulla-system/finalize -f "$T/finalize.json"

# --- The certificate ---

upgrade 'installed' --set policy.files.release\\.pub=x
secret tls.crt >"$T/first.crt"
secret ca.crt >"$T/first-ca.crt"
check 'the API server trusts it' 0 ': OK' '' -- openssl verify -CAfile <(trusted) "$T/first.crt"
assert 'in both configurations' test "$(trusted)" = \
    "$(field mutatingwebhookconfiguration bulla-webhook '{.webhooks[0].clientConfig.caBundle}' | base64 -d)"
upgrade 'upgraded' --set replicas=4
assert 'the certificate is kept' test "$(secret tls.crt)" = "$(cat "$T/first.crt")"
assert 'and trusted as before' test "$(trusted)" = "$(cat "$T/first-ca.crt")"
assert 'replicas are what was said' test "$(field deployment bulla-webhook '{.spec.replicas}')" = 4

soon=$(date -u -d '+29 days' +%Y-%m-%d)
quietly kubectl -n bulla-system annotate --overwrite secret bulla-webhook-tls "webhook.bulla/not-after=$soon"
upgrade 'upgraded in its last days' --force-conflicts
secret tls.crt >"$T/second.crt"
assert 'the certificate is another' test "$(cat "$T/second.crt")" != "$(cat "$T/first.crt")"
trusted >"$T/both.crt"
check 'it is trusted' 0 ': OK' '' -- openssl verify -CAfile "$T/both.crt" "$T/second.crt"
check 'and so is the one that Pods still show' 0 ': OK' '' -- openssl verify -CAfile "$T/both.crt" "$T/first.crt"
quietly kubectl -n bulla-system annotate --overwrite secret bulla-webhook-tls "webhook.bulla/not-after=$soon"
upgrade 'once more' --force-conflicts
trusted >"$T/third.crt"
assert 'two authorities at most' test "$(grep -c BEGIN "$T/third.crt")" -eq 2
check 'the first is forgotten' 2 '' 'unable to get local issuer|signature failure' -- openssl verify -CAfile "$T/third.crt" "$T/first.crt"

# --- The rest of the release ---

upgrade 'with an autoscaler' --set autoscaling.enabled=true
quietly kubectl -n bulla-system scale deployment bulla-webhook --replicas=6
upgrade 'upgraded again' --set autoscaling.enabled=true
assert "the autoscaler's number is left alone" test "$(field deployment bulla-webhook '{.spec.replicas}')" = 6

quietly kubectl -n bulla-system patch validatingwebhookconfiguration bulla-webhook --type=json -p \
    '[{"op":"replace","path":"/webhooks/0/failurePolicy","value":"Ignore"},{"op":"replace","path":"/webhooks/1/failurePolicy","value":"Ignore"}]'
assert 'the patch of the notes opens it' test \
    "$(field validatingwebhookconfiguration bulla-webhook '{.webhooks[*].failurePolicy}')" = 'Ignore Ignore'
check 'an upgrade does not close it by chance' 1 '' 'conflict' -- helm upgrade bulla "$chart" -n bulla-system --set autoscaling.enabled=true
upgrade 'it does when told to' --set autoscaling.enabled=true --force-conflicts
assert 'closed' test "$(field validatingwebhookconfiguration bulla-webhook '{.webhooks[*].failurePolicy}')" = 'Fail Fail'
check 'the command of the notes takes it away' 0 deleted - -- \
    kubectl delete validatingwebhookconfiguration,mutatingwebhookconfiguration bulla-webhook
upgrade 'an upgrade registers it again'
assert 'closed as before' test "$(field validatingwebhookconfiguration bulla-webhook '{.webhooks[*].failurePolicy}')" = 'Fail Fail'

check 'uninstalled' 0 'uninstalled' '' -- helm uninstall bulla -n bulla-system
check 'no configuration is left' 0 - '' -- kubectl get validatingwebhookconfiguration,mutatingwebhookconfiguration -o name
check 'nor anything in the namespace' 0 - '' -- kubectl -n bulla-system get deployment,service,configmap,secret,networkpolicy -o name \
    -l app.kubernetes.io/instance=bulla
finish
