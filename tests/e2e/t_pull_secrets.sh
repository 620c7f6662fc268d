#!/bin/bash
# --pull-secrets: a registry that lets nobody in without a password, which the webhook has only where a Pod's imagePullSecrets give it, in
# the Pod's own namespace, as RBAC allows.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

chart=$root/deploy/chart/bulla
export HELM_CACHE_HOME=$T/helm HELM_CONFIG_HOME=$T/helm HELM_DATA_HOME=$T/helm

# --- A registry with a password ---

AUTHFILE=$T/push.json
start_registry main tls-htpasswd
printf '{"auths":{"%s":{"auth":"%s"}}}' "$registry" "$(printf 'alice:secret' | base64 -w 0)" >"$AUTHFILE"
quietly "$sign" generate-key-pair --output-key-prefix "$T/release"
image good "$registry/apps/good"
good=$ref
image bare "$registry/apps/bare"
bare=$ref
image other "$registry/apps/other"
other=$ref
for each in "$good" "$other"; do
    quietly env REGISTRY_AUTH_FILE="$AUTHFILE" "$sign" "$each" --key "$T/release.key" --registry-cacert "$T/main/ca.pem"
done
cp "$T/main/ca.pem" "$T/registry.pub" # mounted with the keys
cat >"$T/registries.yaml" <<END
version: 1
registries: {"$registry": {ca: registry.pub, private: true}}
END
policy_of_apps
mount_policy
mount_tls

# --- A cluster, with what the chart gives the service account ---

start_cluster
for namespace in bank bulla-system; do
    quietly kubectl create namespace "$namespace"
done
helm template bulla "$chart" -n bulla-system --set pullSecrets.enabled=true --set 'pullSecrets.namespaces={shop}' \
    --show-only templates/pullsecrets.yaml --show-only templates/serviceaccount.yaml >"$T/account.yaml"
check 'the chart gives the account its access' 0 'rolebinding.*created' - -- kubectl apply -f "$T/account.yaml"
# docker NAMESPACE NAME PASSWORD: a Secret as `kubectl` makes it.
docker()
{
    quietly kubectl -n "$1" create secret docker-registry "$2" --docker-server="$registry" --docker-username=alice --docker-password="$3"
}
docker shop regcred secret
docker shop wrong guess
docker bank regcred secret
docker bank banks-own secret

mkdir "$T/account" "$T/helpers"
cp "$T/cluster/ca.pem" "$T/account/ca.crt"
kubectl -n bulla-system create token bulla-webhook >"$T/account/token"
printf '#!/bin/sh\ntouch "%s"\n' "$T/helper-ran" >"$T/helpers/docker-credential-evil"
chmod 755 "$T/helpers/docker-credential-evil"
PATH=$PATH:$T/helpers start_webhook webhook --pull-secrets --kube-api "$api_url" --kube-folder "$T/account"
register

# with NAME IMAGE SECRET...: a Pod with these imagePullSecrets.
with()
{
    local name=$1 image=$2
    shift 2
    pod "$name" "$image" ".spec.imagePullSecrets = [$(printf '{name: "%s"},' "$@" | sed 's/,$//')]"
}
no_access="denied the request: .*registry-auth"

# --- What comes in ---

check 'without a Secret the registry says nothing' 1 - "$no_access" -- kubectl create -f "$(pod without "$good")"
check 'with the right one a signed image comes in' 0 created - -- kubectl create -f "$(with right "$good" regcred)"
check 'without one still not: what was found is not for others' 1 - "$no_access" -- kubectl create -f "$(pod without "$good")"
check 'nor with the same name in another namespace' 1 - "$no_access" -- kubectl -n bank create -f "$(with right "$good" regcred)"
check 'a tag comes in' 0 created - -- kubectl create -f "$(with tagged "$registry/apps/good:v1" regcred)"
check 'pinned' 0 "@${good#*@}\$" - -- in_pod tagged '.spec.containers[0].image'
quietly kubectl create -f "$(template templates "$other")" --dry-run=client
jq '.spec.template.spec.imagePullSecrets = [{name: "regcred"}]' "$T/templates.json" >"$T/deployment.json"
check 'a Deployment with it comes in' 0 created - -- kubectl create -f "$T/deployment.json"
check 'an unsigned image does not, with the right Secret' 1 - 'denied the request: .*unsigned' -- kubectl create -f "$(with bare "$bare" regcred)"

# --- What is passed over ---

check 'a wrong password' 1 - "$no_access" -- kubectl create -f "$(with wrong "$other" wrong)"
check 'a Secret that is not there' 1 - "$no_access" -- kubectl create -f "$(with absent "$other" absent)"
check 'a Secret of another namespace' 1 - "$no_access" -- kubectl create -f "$(with banks "$other" banks-own)"
check 'one that is not there beside the right one' 0 created - -- kubectl create -f "$(with beside "$other" absent regcred)"
check 'a Secret that RBAC forbids' 1 - "$no_access" -- kubectl -n bank create -f "$(with forbidden "$other" banks-own)"
assert 'the log says what to do' grep -q 'Secret bank/banks-own is passed over: HTTP 403.*RBAC' "$T/webhook.err"
assert 'and which one is not there' grep -q 'Secret shop/absent is passed over: HTTP 404' "$T/webhook.err"
assert 'that of the other namespace was not looked for there' grep -q 'Secret shop/banks-own is passed over: HTTP 404' "$T/webhook.err"
quietly kubectl create secret generic opaque --from-literal=password=secret
check 'a Secret of another type' 1 - "$no_access" -- kubectl create -f "$(with opaque "$other" opaque)"
jq -n --arg host "$registry" '{credsStore: "evil", credHelpers: {($host): "evil"}, auths: {($host): {}}}' >"$T/evil.json"
quietly kubectl create secret generic evil --type=kubernetes.io/dockerconfigjson --from-file=.dockerconfigjson="$T/evil.json"
check 'a Secret that names a helper' 1 - "$no_access" -- kubectl create -f "$(with evil "$other" evil)"
assert 'which was not run' test ! -e "$T/helper-ran"

# --- What is known, and told ---

quietly kubectl delete rolebinding bulla-webhook-pull-secrets
check 'what was found lasts without access to the Secret' 0 created - -- kubectl create -f "$(with lasts "$good" regcred)"
check 'the doctor reaches the API' 0 'ok   pull-secrets' '' -- "$webhook" doctor --policy "$T/policy.mounted/policy.yaml" \
    --registries "$T/policy.mounted/registries.yaml" --tls-cert "$T/tls.mounted/tls.crt" --tls-key "$T/tls.mounted/tls.key" \
    --pull-secrets --kube-api "$api_url" --kube-folder "$T/account"
echo nobody >"$T/account/token"
check 'and says when the token is not accepted' 0 'warn pull-secrets.*401' '' -- "$webhook" doctor --policy "$T/policy.mounted/policy.yaml" \
    --registries "$T/policy.mounted/registries.yaml" --tls-cert "$T/tls.mounted/tls.crt" --tls-key "$T/tls.mounted/tls.key" \
    --pull-secrets --kube-api "$api_url" --kube-folder "$T/account"
assert 'no password is in the log' lacks "$(printf 'alice:secret' | base64 -w 0)" "$T/webhook.err"
assert 'nor a token' lacks eyJ "$T/webhook.err"
finish
