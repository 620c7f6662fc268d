#!/bin/bash
# What deploy/ holds, by the API server's own word, in the order of the guide (docs/webhook.md).
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

start_cluster
mkdir "$T/tls"
make_ca "$T/tls"
# registration FOLDER: its configurations with a CA, as one applies them.
registration()
{
    local file
    for file in "$1"/*.yaml; do
        sed "s/CA_BUNDLE/$(base64 -w 0 "$T/tls/ca.pem")/" "$file"
        echo ---
    done
}

check 'the namespace is made' 0 '^namespace/.* created$' - -- kubectl apply --validate=strict -f "$manifests/0-namespace.yaml"
namespace=$(sed -n 's/^namespace\/\(.*\) created$/\1/p' "$T/out")
# With --dry-run nothing that is to lie in a namespace would find one that is only on the list.
check 'the manifests are accepted' 0 'deployment.*server dry run' - -- kubectl apply --dry-run=server --validate=strict -f "$manifests"
check 'and applied, without a warning' 0 'deployment.* created' - -- kubectl apply --validate=strict -f "$manifests"
versions()
{
    kubectl get -f "$manifests" -o json | jq -c '.items[] | [.kind, .metadata.name, .metadata.resourceVersion]'
}
export manifests
export -f versions
versions >"$T/versions"
check 'and applied again' 0 unchanged - -- kubectl apply --validate=strict -f "$manifests"
check 'which changes not one object' 0 '' - -- versions
assert 'of those there are' cmp "$T/versions" "$T/out"
check 'those for autoscaling are accepted' 0 'dry run' - -- kubectl apply --dry-run=server --validate=strict -f "$manifests/autoscaling"
# The namespace enforces a Pod security level, which a Deployment only warns about and a Pod has to meet.
kubectl get -n "$namespace" deployment -o json | jq '.items[0].spec.template | {apiVersion: "v1", kind: "Pod", metadata: {name: "itself", labels: .metadata.labels}, spec: .spec}' >"$T/itself.json"

check 'the placeholder of the CA is refused' 1 - 'illegal base64' -- kubectl apply -f "$manifests/registration"
registration "$root/deploy/static-pod/registration" >"$T/static.yaml"
check 'the registration of the static Pod is accepted' 0 'validatingwebhook.*dry run' - -- kubectl create --dry-run=server --validate=strict -f "$T/static.yaml"
assert 'and asks a loopback address' grep -q 'url: https://127.0.0.1:' "$T/static.yaml"
check 'the static Pod is accepted' 0 'dry run' - -- kubectl create --dry-run=server --validate=strict -f "$root/deploy/static-pod/pod.yaml"

registration "$manifests/registration" >"$T/registration.yaml"
check 'the registration is applied' 0 'validatingwebhook.* created' - -- kubectl apply --validate=strict -f "$T/registration.yaml"
held_up()
{
    ! kubectl create --dry-run=server -f "$(pod early registry.test/x:1)"
}
wait_for 15 held_up || true
# Registered and nobody behind it: the worst hour of a cluster.
check 'a Pod is held up while the webhook is not there' 1 - 'failed calling webhook' -- kubectl create -f "$(pod early registry.test/x:1)"
check "the webhook's own Pod is not" 0 created - -- kubectl create -n "$namespace" -f "$T/itself.json"
check 'nor is kube-system' 0 created - -- kubectl create -n kube-system -f "$(pod system registry.test/x:1)"
check 'nor is what holds no image' 0 created - -- kubectl create serviceaccount somebody
recovery=$(sed -n 's/^ *kubectl delete \(validatingwebhookconfiguration.*\)$/\1/p' "$root/docs/webhook.md" | head -n 1)
# shellcheck disable=SC2086 # the words of a command
check 'the command of the guide takes the registration away' 0 deleted - -- kubectl delete ${recovery:?}
comes_in()
{
    kubectl create --dry-run=server -f "$(pod early registry.test/x:1)"
}
wait_for 15 comes_in || true
check 'and Pods are made again' 0 created - -- kubectl create -f "$(pod early registry.test/x:1)"
check 'registering again closes it' 0 created - -- kubectl apply -f "$T/registration.yaml"
wait_for 15 held_up || true
sed -n '/^ *kubectl patch validatingwebhookconfiguration/,/]'"'"'$/p' "$root/docs/webhook.md" >"$T/milder.sh"
check 'the milder command of the guide works' 0 patched - -- bash -e "$T/milder.sh"
wait_for 15 comes_in || true
check 'and opens as well' 0 created - -- kubectl create -f "$(pod early2 registry.test/x:1)"
finish
