#!/bin/bash
# What deploy/ ships: the chart and the plain manifests rendered from it, and the container image, which is built twice, signed, unpacked and
# run from its own root, read-only and as its own user, against a registry that it finds by name.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

webhook=${WEBHOOK:-$root/bin/webhook}
deploy=$root/deploy
chart=$deploy/chart/bulla
version=$(cat "$root/VERSION")
export HELM_CACHE_HOME=$T/helm HELM_CONFIG_HOME=$T/helm HELM_DATA_HOME=$T/helm

# objects FILE...: the YAML documents of the files, as a JSON list in $T/objects.
objects()
{
    quietly python3 -c 'import json, sys, yaml
print(json.dumps([d for f in sys.argv[1:] for d in yaml.safe_load_all(open(f)) if d]))' "$@"
    mv "$T/out" "$T/objects"
}

# holds NAME FILTER: the jq filter is true of $T/objects; kind(K) is the only object of that kind, or all of them in turn.
holds()
{
    assert "$1" jq -e "def kind(k): .[] | select(.kind == k); def hooks: .[] | select(.kind | endswith(\"WebhookConfiguration\")).webhooks[]; $2" \
        "$T/objects"
}

# --- The chart ---

for values in '' "$chart"/ci/*-values.yaml; do
    name=$(basename "${values:-defaults.yaml}" .yaml)
    check "helm lint: $name" 0 ' 0 chart.s. failed' '' -- helm lint --strict "$chart" ${values:+-f "$values"}
    check "helm template: $name" 0 'kind: Deployment' - -- helm template bulla "$chart" -n bulla-system ${values:+-f "$values"}
    cp "$T/out" "$T/$name.yaml"
    objects "$T/$name.yaml"
    holds "$name: namespaced objects say their namespace" \
        '[.[] | select(.kind | endswith("WebhookConfiguration") | not)] | all(.metadata.namespace == "bulla-system")'
    holds "$name: no container is root, may write, may become more" '[kind("Deployment").spec.template.spec] | all(
        (.securityContext | .runAsNonRoot and .runAsUser == 65532 and .seccompProfile.type == "RuntimeDefault") and
        (.containers | all(.securityContext | .readOnlyRootFilesystem and .allowPrivilegeEscalation == false and .capabilities.drop == ["ALL"])) and
        .automountServiceAccountToken == false)'
    holds "$name: it may end later than it drains" 'kind("Deployment").spec.template.spec | .terminationGracePeriodSeconds >
        ([.containers[0].args[] | capture("^--drain(-delay)?=(?<s>[0-9]+)s$").s | tonumber] | add)'
    holds "$name: its own namespace and kube-system are not asked about" '[hooks.namespaceSelector.matchExpressions[0]] | length > 0 and
        all(. == {key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["bulla-system", "kube-system"]})'
    holds "$name: validation fails closed and is narrow" '[kind("ValidatingWebhookConfiguration").webhooks[]] | length > 0 and
        all(.failurePolicy == "Fail" and .timeoutSeconds == 10 and .clientConfig.service.path == "/validate")'
    holds "$name: what both have" '[hooks] | all(.sideEffects == "None" and .matchPolicy == "Equivalent" and .admissionReviewVersions == ["v1"] and
        .objectSelector == null and .matchConditions == null and (.rules | all(.scope == "Namespaced" and .operations == ["CREATE", "UPDATE"])))'
    holds "$name: pinning fails open" '[kind("MutatingWebhookConfiguration").webhooks[]] | all(.failurePolicy == "Ignore" and .timeoutSeconds == 5 and
        .reinvocationPolicy == "IfNeeded" and .clientConfig.service.path == "/mutate" and .rules[0].resources == ["pods", "pods/ephemeralcontainers"])'
done

objects "$T/defaults.yaml"
holds 'three replicas' 'kind("Deployment").spec.replicas == 3'
holds 'probes by HTTPS' '[kind("Deployment").spec.template.spec.containers[0] | .livenessProbe, .readinessProbe | .httpGet] |
    map(.scheme + .path) == ["HTTPS/healthz", "HTTPS/readyz"]'
holds 'memory is limited, the processor is not' 'kind("Deployment").spec.template.spec.containers[0].resources.limits == {memory: "128Mi"}'
holds 'what is judged' '([kind("ValidatingWebhookConfiguration").webhooks[].rules[] | .apiGroups[0] + "/" + .resources[]] | sort) ==
    (["/pods", "/pods/ephemeralcontainers", "/podtemplates", "/replicationcontrollers", "apps/daemonsets", "apps/deployments", "apps/replicasets",
    "apps/statefulsets", "batch/cronjobs", "batch/jobs"] | sort)'
jq -r '.[] | select(.kind == "Secret").data | .["tls.crt"]' "$T/objects" | base64 -d >"$T/chart.crt"
jq -r '.[] | select(.kind == "ValidatingWebhookConfiguration").webhooks[0].clientConfig.caBundle' "$T/objects" | base64 -d >"$T/chart-ca.crt"
check 'the certificate made by Helm is for the Service' 0 ': OK' '' -- \
    openssl verify -CAfile "$T/chart-ca.crt" -purpose sslserver -verify_hostname bulla-webhook.bulla-system.svc "$T/chart.crt"
check 'and for no other name' 2 '' 'ostname mismatch' -- \
    openssl verify -CAfile "$T/chart-ca.crt" -purpose sslserver -verify_hostname bulla-webhook.other.svc "$T/chart.crt"

objects "$T/secret-values.yaml"
holds 'namespaces of a roll-out' '[hooks.namespaceSelector.matchExpressions[1]] |
    all(. == {key: "kubernetes.io/metadata.name", operator: "In", values: ["shop", "payments"]})'
holds 'a custom kind is registered and told' '([kind("ValidatingWebhookConfiguration").webhooks[1].rules[].resources[]] | index("rollouts")) and
    ([kind("Deployment").spec.template.spec.containers[0].args[]] | index("--custom-kind=Rollout.argoproj.io=/spec/template/spec?"))'
holds 'no Secret is made where one is given' '[kind("Secret")] == []'

# --- Secrets of Pods ---

objects "$T/defaults.yaml"
holds 'no access to the API unless it is wanted' '[kind("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")] == [] and
    kind("ServiceAccount").automountServiceAccountToken == false and
    ([kind("Deployment").spec.template.spec.containers[0].args[]] | index("--pull-secrets") == null)'
helm template bulla "$chart" -n bulla-system --set pullSecrets.enabled=true >"$T/pull-secrets.yaml"
objects "$T/pull-secrets.yaml"
holds 'with pullSecrets the Pod has a token, and the option' 'kind("Deployment").spec.template.spec |
    .automountServiceAccountToken == true and (.containers[0].args | index("--pull-secrets") != null)'
holds 'its account may get Secrets everywhere, and nothing else' '[kind("Role", "RoleBinding")] == [] and
    kind("ClusterRole").rules == [{apiGroups: [""], resources: ["secrets"], verbs: ["get"]}] and
    (kind("ClusterRoleBinding") | .roleRef.name == "bulla-webhook-pull-secrets" and
    .subjects == [{kind: "ServiceAccount", name: "bulla-webhook", namespace: "bulla-system"}])'
holds 'and reach the API, but no metadata service' '[kind("NetworkPolicy").spec.egress[1:][]] | length == 2 and
    (.[1].ports | map(.port)) == [443, 6443] and all(.to[0].ipBlock.except == ["169.254.0.0/16"])'
helm template bulla "$chart" -n bulla-system --set pullSecrets.enabled=true --set 'pullSecrets.namespaces={shop,bank}' >"$T/pull-secrets.yaml"
objects "$T/pull-secrets.yaml"
holds 'in these namespaces alone' '[kind("ClusterRole", "ClusterRoleBinding")] == [] and
    ([kind("Role", "RoleBinding").metadata.namespace] | sort) == ["bank", "bank", "shop", "shop"]'

refused=('pullSecrets.namespaces={A}|namespaces' 'pullSecrets.enable=true|enable' 'pullSecrets.apiPorts={}|apiPorts' 'image.digest=sha256:12|digest' 'image.tga=1|tga' 'registration.pods.failurePolicy=fail|failurePolicy' 'tls.mode=none|mode'
    'tls.mode=secret|caBundle' 'registration.url=http://127.0.0.1:1|url' 'registration.pods.timeoutSeconds=31|timeoutSeconds'
    'clientAuth.names={a}|caSecretName' 'policy.files.policy\.yaml=x|policy.yaml')
for pair in "${refused[@]}"; do
    check "helm refuses ${pair%%|*}" 1 '' "${pair##*|}" -- helm template bulla "$chart" --set "${pair%%|*}"
done

# --- The plain manifests ---

check 'the manifests are what the chart gives' 0 - - -- env HELM=helm sh "$deploy/render.sh" --check
cat >"$T/none.yaml" <<END
version: 1
name: none
unmatched: deny
rules: [{name: none, images: "registry.example.com/bulla/**", deny: no image yet}]
END
check 'verify manifests reads them' 1 'manifests/deployment.yaml:[0-9]+: image registry.example.com/bulla/webhook' '' -- \
    "$verify" manifests "$deploy/manifests" "$deploy/static-pod" --policy "$T/none.yaml"
assert 'versions agree' test "$(grep -hoE '(^version: |^appVersion: |webhook:)[0-9.]+$' "$chart/Chart.yaml" "$deploy/manifests/deployment.yaml" \
    "$deploy/static-pod/pod.yaml" | sed 's/.*[: ]//' | sort -u)" = "$version"
objects "$deploy/manifests/configmap-policy.yaml" "$deploy/manifests/configmap-registries.yaml"
jq -r '.[0].data["policy.yaml"]' "$T/objects" >"$T/policy.yaml"
jq -r '.[1].data["registries.yaml"]' "$T/objects" >"$T/registries.yaml"
check 'the example policy is one' 0 '' - -- "$verify" policy lint "$T/policy.yaml"
check 'it tells, and keeps nothing out' 0 'example' '' -- \
    "$verify" manifests "$deploy/static-pod" --policy "$T/policy.yaml" --registries "$T/registries.yaml"

# Every option that deploy/ gives is one of the program's.
objects "$deploy"/manifests/deployment.yaml "$deploy"/static-pod/pod.yaml "$T/secret-values.yaml"
jq -r '.. | .args? // empty | .[]' "$T/objects" | sed 's/=.*//' | sort -u >"$T/given"
"$webhook" --help | grep -oE -- '--[a-z-]+' | sort -u >"$T/known"
assert 'options are known' test "$(wc -l <"$T/given")" -gt 8 -a -z "$(comm -23 "$T/given" "$T/known")"

# The registration and what its certificate must be are as the program wants them.
make_ca "$T"
sed "s/CA_BUNDLE/$(base64 -w 0 "$T/ca.pem")/" "$deploy"/manifests/registration/validating*.yaml >"$T/validating.yaml"
sed "s/CA_BUNDLE/$(base64 -w 0 "$T/ca.pem")/" "$deploy"/static-pod/registration/validating*.yaml >"$T/static.yaml"
doctor=("$webhook" doctor --policy "$T/policy.yaml" --tls-cert "$T/server.pem" --tls-key "$T/server.key")
check 'doctor finds the static registration well' 0 'caBundle trusts the certificate' '' -- "${doctor[@]}" --config "$T/static.yaml"
check 'and the other one to be for another certificate' 1 'fail.*bulla-webhook.bulla-system.svc' '' -- "${doctor[@]}" --config "$T/validating.yaml"
check 'a placeholder is found' 1 'fail.*placeholder' '' -- \
    "${doctor[@]}" --config "$deploy/static-pod/registration/validatingwebhookconfiguration.yaml"

# --- The image ---

for copy in one two; do
    check "the image is built: $copy" 0 '^sha256:[0-9a-f]{64}$' - -- sh "$deploy/image.sh" "$T/$copy:$version" "$webhook"
    cp "$T/out" "$T/$copy.digest"
    sleep 1.1 # files have times in seconds
done
assert 'two builds are one image' cmp "$T/one.digest" "$T/two.digest"
digest=$(cat "$T/one.digest")
check 'built for another time' 0 '^sha256:' - -- env SOURCE_DATE_EPOCH=1 sh "$deploy/image.sh" "$T/other:$version" "$webhook"
assert 'it is another image' test "$(cat "$T/out")" != "$digest"
check 'a layout is not overwritten' 1 - 'there already' -- sh "$deploy/image.sh" "$T/one:$version" "$webhook"
check 'no program, no image' 1 - 'no program' -- sh "$deploy/image.sh" "$T/none:$version" "$T/nothing"

quietly umoci unpack --image "$T/one:$version" "$T/bundle"
rootfs=$T/bundle/rootfs
blobs=$T/one/blobs/sha256
check 'its configuration' 0 '^\["65532:65532",\["/usr/bin/webhook"\],null,"/"\]$' - -- \
    jq -c '[.config.User, .config.Entrypoint, .config.Cmd, .config.WorkingDir]' "$blobs/$(jq -r '.config.digest[7:]' "$blobs/${digest#sha256:}")"
# Libraries by their names: where they are is the build machine's choice.
{
    printf '%s\n' etc/group etc/nsswitch.conf etc/passwd etc/ssl/certs/ca-certificates.crt usr/bin/webhook
    ldd "$webhook" | grep -oE '/[^ ]+' | xargs -n 1 basename | sed 's,^,lib/,'
} | sort >"$T/wanted"
(cd "$rootfs" && find . -type f) | sed -E 's,^\./,,; s,^(usr/)?lib(64)?/(.*/)?,lib/,' | sort >"$T/found"
assert 'program, libraries, certificates and three files; no shell' diff "$T/wanted" "$T/found"
assert 'nothing may be written, nothing changes who runs' test -z "$(find "$rootfs" ! -type l -perm /7222)"
assert 'no authority of this machine' test "$(grep -c BEGIN "$rootfs/etc/ssl/certs/ca-certificates.crt")" -eq \
    "$(find /usr/share/ca-certificates/mozilla -name '*.crt' | wc -l)"

quietly "$sign" generate-key-pair --output-key-prefix "$T/release"
check 'it is signed' 0 '' '' -- "$sign" "oci:$T/one@$digest" --key "$T/release.key"
check 'and verified' 0 '' '' -- "$verify" "oci:$T/one@$digest" --key "$T/release.pub"
check 'the other copy is not' 1 unsigned '' -- "$verify" "oci:$T/two@$digest" --key "$T/release.pub"

# --- The image, running ---

start_registry main plain
# The name stands in /etc/hosts of the container alone.
host=registry.test:${registry##*:}
check 'the image is pushed with its signature' 0 '' '' -- "$sign" copy "oci:$T/one:$version" "$registry/bulla/webhook:$version"
check 'and verified there' 0 "$(cat "$T/one.digest")" '' -- "$verify" "$registry/bulla/webhook:$version" --key "$T/release.pub"
image signed "$registry/apps/signed"
signed=$host/apps/signed@$digest
quietly "$sign" "$ref" --key "$T/release.key"
image unsigned "$registry/apps/unsigned"
unsigned=$host/apps/unsigned@$digest

mkdir -p "$T/bulla/config" "$T/bulla/tls"
make_ca "$T/bulla/tls"
cp "$T/release.pub" "$T/bulla/config"
cat >"$T/bulla/config/policy.yaml" <<END
version: 1
name: test
unmatched: deny
signers: {release: {key: release.pub}}
rules: [{name: apps, images: "$host/apps/**", require: {signed: release}}]
END
printf 'version: 1\nregistries: {"%s": {plain-http: true, private: true}}\n' "$host" >"$T/bulla/config/registries.yaml"
chmod a+r "$T/bulla/tls/server.key"
echo '127.0.0.1 registry.test' >"$T/hosts"
mkdir "$rootfs/etc/bulla"
touch "$rootfs/etc/hosts"
chmod a+x "$T" "$T/bundle"

# What a container runtime does: mounts of its own, nothing to write to, another user.
# shellcheck disable=SC2016 # for the inner shell
server webhook unshare --mount sh -c 'set -e
    root=$1 files=$2
    mount --bind "$root" "$root"
    mount --bind "$files/bulla" "$root/etc/bulla"
    mount --bind "$files/hosts" "$root/etc/hosts"
    for at in "$root" "$root/etc/bulla" "$root/etc/hosts"; do mount -o remount,bind,ro "$at"; done
    shift 2
    exec env -i "$(command -v chroot)" --userspec=65532:65532 "$root" "$@"' sh "$rootfs" "$T" /usr/bin/webhook --listen=127.0.0.1:0 --metrics-listen=127.0.0.1:0 \
    --policy=/etc/bulla/config/policy.yaml --registries=/etc/bulla/config/registries.yaml --tls-cert=/etc/bulla/tls/server.pem \
    --tls-key=/etc/bulla/tls/server.key --drain-delay=0s
address='s/.*"address": *"[^"]*:([0-9]+)".*/\1/p'
wait_for 10 grep -qs '"address"' "$T/webhook.log" "$T/webhook.err" || no_server webhook
url=https://127.0.0.1:$(cat "$T/webhook.log" "$T/webhook.err" | sed -nE "$address" | head -n 1)
export url
ask=(curl -sS --cacert "$T/bulla/tls/ca.pem")
check 'it is alive' 0 '^ok' - -- "${ask[@]}" "$url/healthz"
check 'it is ready' 0 '^ok' - -- "${ask[@]}" "$url/readyz"
assert 'it runs as its own user' test "$(stat -c %u "/proc/$pid")" -eq 65532
assert 'in the root of the image' test "$(readlink "/proc/$pid/root")" = "$rootfs"
assert 'where nothing may be written' test "$(awk '{ print $2, substr($4, 1, 3) }' "/proc/$pid/mounts" | sort | tr '\n' ' ')" = \
    '/ ro, /etc/bulla ro, /etc/hosts ro, '

# review IMAGE: of a Pod with it.
review()
{
    jq -n --arg image "$1" '{apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: {uid: "1", operation: "CREATE", namespace: "shop",
        kind: {group: "", version: "v1", kind: "Pod"}, resource: {group: "", version: "v1", resource: "pods"}, userInfo: {username: "test"},
        object: {apiVersion: "v1", kind: "Pod", metadata: {name: "a", namespace: "shop"}, spec: {containers: [{name: "a", image: $image}]}}}}' |
        curl -sS --cacert "$T/bulla/tls/ca.pem" -H 'Content-Type: application/json' --data-binary @- "$url/validate?timeout=10s"
}
export -f review
check 'the signed image is admitted' 0 '"allowed": ?true' - -- review "$signed"
check 'the unsigned one is not' 0 '"allowed": ?false.*unsigned' - -- review "$unsigned"
metrics=$(cat "$T/webhook.log" "$T/webhook.err" | sed -nE 's/.*"metrics": *"([^"]*)".*/\1/p' | head -n 1)
check 'the alerts are rules' 0 SUCCESS '' -- promtool check rules "$deploy/alerts.yaml"
curl -sS "http://$metrics/metrics" | sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' | sort -u >"$T/metrics"
grep -ohE 'bulla_webhook_[a-z_]+' "$deploy/alerts.yaml" "$root/docs/webhook.md" | sed 's/_bucket$//' | sort -u >"$T/named"
assert 'about metrics that there are' test -z "$(comm -23 "$T/named" "$T/metrics")"
start=$SECONDS
kill "$pid"
code=0
wait "$pid" || code=$?
assert 'it ends when told' test "$code" -eq 0 -a $((SECONDS - start)) -lt 10
finish
