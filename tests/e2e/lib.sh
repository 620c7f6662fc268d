# shellcheck shell=bash disable=SC2034,SC2154 # what is set here is used by those who source it
# Helpers of the end-to-end tests, sourced by every t_*.sh: those of the integration tests (checks, registries, images), and a cluster,
# which is etcd and kube-apiserver on loopback. Pods are stored there and stay Pending: admission is all that happens.
# shellcheck source-path=SCRIPTDIR source=../integration/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../integration/lib.sh"

e2e=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
webhook=${WEBHOOK:-$root/bin/webhook}
manifests=${MANIFESTS:-$root/deploy/manifests}
token="e2e-administrator"
cluster=()

# A kube-apiserver that is asked to end wants its etcd first, and then takes its time.
end_cluster()
{
    [ ${#cluster[@]} -eq 0 ] || kill -KILL "${cluster[@]}" 2>/dev/null || true
    clean_up
}
trap end_cluster EXIT

# free_ports N: N loopback ports on which nothing listens.
free_ports()
{
    python3 - "$1" <<'END'
import socket, sys
held = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in held:
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in held))
END
}

# start_cluster [OPTION OF KUBE-APISERVER...]: sets $api_url, and KUBECONFIG for kubectl. The audit log is $T/cluster/audit.log.
start_cluster()
{
    local dir=$T/cluster ports
    mkdir -p "$dir"
    make_ca "$dir"
    read -ra ports < <(free_ports 3)
    etcd_url=http://127.0.0.1:${ports[0]}
    api_url=https://127.0.0.1:${ports[2]}
    server etcd etcd --data-dir "$dir/etcd" --listen-client-urls "$etcd_url" --advertise-client-urls "$etcd_url" \
        --listen-peer-urls "http://127.0.0.1:${ports[1]}" --initial-advertise-peer-urls "http://127.0.0.1:${ports[1]}" \
        --initial-cluster "default=http://127.0.0.1:${ports[1]}" --logger zap --log-level error
    cluster+=("$pid")
    openssl genrsa -out "$dir/accounts.key" 2048 2>/dev/null
    echo "$token,admin,admin,\"system:masters\"" >"$dir/tokens.csv"
    cat >"$dir/audit.yaml" <<END
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - {level: Metadata, verbs: [create, update, patch], resources: [{group: ""}, {group: apps}]}
  - {level: None}
END
    server kube-apiserver kube-apiserver --etcd-servers="$etcd_url" --bind-address=127.0.0.1 --secure-port="${ports[2]}" \
        --cert-dir="$dir" --tls-cert-file="$dir/server.pem" --tls-private-key-file="$dir/server.key" \
        --token-auth-file="$dir/tokens.csv" --service-account-issuer=https://kubernetes.default.svc \
        --service-account-key-file="$dir/accounts.key" --service-account-signing-key-file="$dir/accounts.key" \
        --service-cluster-ip-range=10.0.0.0/24 --authorization-mode=RBAC --disable-admission-plugins=ServiceAccount \
        --audit-policy-file="$dir/audit.yaml" --audit-log-path="$dir/audit.log" "$@"
    cluster+=("$pid")
    cat >"$dir/kubeconfig" <<END
apiVersion: v1
kind: Config
clusters: [{name: e2e, cluster: {server: "$api_url", certificate-authority: "$dir/ca.pem"}}]
users: [{name: admin, user: {token: "$token"}}]
contexts: [{name: e2e, context: {cluster: e2e, user: admin, namespace: shop}}]
current-context: e2e
END
    export KUBECONFIG=$dir/kubeconfig
    wait_for 60 cluster_ready || no_server kube-apiserver
    quietly kubectl create namespace shop
}

cluster_ready()
{
    [ "$(curl -sS --cacert "$T/cluster/ca.pem" -H "Authorization: Bearer $token" "$api_url/readyz")" = ok ] &&
        kubectl get namespace kube-system default
}

# api METHOD PATH [FILE]: the API without kubectl. Writes what came, and leaves the HTTP status in $T/status.
api()
{
    local type=application/json
    [ "$1" != PATCH ] || type=application/strategic-merge-patch+json
    curl -sS --max-time 40 --cacert "$T/cluster/ca.pem" -H "Authorization: Bearer $token" -X "$1" ${3:+-H "Content-Type: $type" --data-binary "@$3"} \
        -o "$T/answer" -w '%{http_code}' "$api_url$2" >"$T/status"
    cat "$T/answer"
}

# answered NAME CODE JQ -- METHOD PATH [FILE]: the HTTP status, and a condition on what came.
answered()
{
    local name=$1 code=$2 condition=$3
    shift 4
    run api "$@"
    if [ "$(cat "$T/status")" != "$code" ]; then
        not_ok "$name" "HTTP $(cat "$T/status"), not $code"
    elif ! jq -e "$condition" "$T/answer" >/dev/null 2>&1; then
        not_ok "$name" "not so: $condition"
    else
        ok "$name"
    fi
}

# pod NAME IMAGE [JQ]: writes $T/NAME.json, a Pod with one container, changed by JQ; prints the file's name.
pod()
{
    jq -n --arg name "$1" --arg image "$2" '{apiVersion: "v1", kind: "Pod", metadata: {name: $name},
        spec: {containers: [{name: "main", image: $image}]}}'" ${3:+| $3}" >"$T/$1.json"
    echo "$T/$1.json"
}

# template NAME IMAGE: the same of a Deployment.
template()
{
    jq -n --arg name "$1" --arg image "$2" '{apiVersion: "apps/v1", kind: "Deployment", metadata: {name: $name},
        spec: {selector: {matchLabels: {app: $name}}, template: {metadata: {labels: {app: $name}},
        spec: {containers: [{name: "main", image: $image}]}}}}' >"$T/$1.json"
    echo "$T/$1.json"
}

# in_pod POD JQ: what is stored.
in_pod()
{
    kubectl get pod "$1" -o json | jq -r "$2"
}

# project FOLDER FILE...: puts the files there as the kubelet does with a ConfigMap or a Secret: links into a folder that is changed at once.
project()
{
    local folder=$1 version file
    shift
    version=$(mktemp -d "$folder/..XXXXXX")
    chmod 755 "$version"
    cp "$@" "$version"
    ln -s "$(basename "$version")" "$folder/..new"
    mv -T "$folder/..new" "$folder/..data"
    for file in "$@"; do
        ln -sfn "..data/$(basename "$file")" "$folder/$(basename "$file")"
    done
}

# pair FOLDER NAME SUBJECT EXTENSION...: NAME.pem and NAME.key by the CA of the folder.
pair()
{
    local dir=$1 name=$2 subject=$3
    shift 3
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$subject" -keyout "$dir/$name.key" -out "$dir/$name.csr" 2>/dev/null
    openssl x509 -req -in "$dir/$name.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -days 2 -out "$dir/$name.pem" \
        -extfile <(printf '%s\n' "$@") 2>/dev/null
}

# mount_tls: $T/tls.mounted with a new certificate for 127.0.0.1 by the CA of $T/tls.
mount_tls()
{
    mkdir -p "$T/tls" "$T/tls.mounted"
    [ -e "$T/tls/ca.pem" ] || make_ca "$T/tls"
    pair "$T/tls" tls /CN=webhook 'subjectAltName=IP:127.0.0.1' 'extendedKeyUsage=serverAuth'
    mv "$T/tls/tls.pem" "$T/tls/tls.crt"
    project "$T/tls.mounted" "$T/tls/tls.crt" "$T/tls/tls.key"
}

# plain_registries: $T/registries.yaml says that $registry is asked by plain HTTP.
plain_registries()
{
    printf 'version: 1\nregistries: {"%s": {plain-http: true, private: true}}\n' "$registry" >"$T/registries.yaml"
}

# policy_of_apps: $T/policy.yaml wants images below $registry/apps signed with $T/release.pub.
policy_of_apps()
{
    cat >"$T/policy.yaml" <<END
version: 1
name: e2e
unmatched: deny
signers: {release: {key: release.pub}}
rules: [{name: apps, images: "$registry/apps/**", require: {signed: release}}]
END
}

# mount_policy: $T/policy.mounted with $T/policy.yaml, $T/registries.yaml and the public keys.
mount_policy()
{
    mkdir -p "$T/policy.mounted"
    project "$T/policy.mounted" "$T/policy.yaml" "$T/registries.yaml" "$T"/*.pub
}

# start_webhook NAME [OPTION...]: sets $address and $pid. The log is $T/NAME.err.
start_webhook()
{
    local name=$1
    shift
    server "$name" "$webhook" --policy "$T/policy.mounted/policy.yaml" --registries "$T/policy.mounted/registries.yaml" \
        --tls-cert "$T/tls.mounted/tls.crt" --tls-key "$T/tls.mounted/tls.key" --listen "${listen:-127.0.0.1:0}" --drain-delay 1ms "$@"
    wait_for 10 grep -q '"address":' "$T/$name.err" || no_server "$name"
    address=$(sed -n 's/.*"address":"\([^"]*\)".*/\1/p' "$T/$name.err" | head -n 1)
}

# configurations: the webhook configurations of deploy/manifests as JSON, one after another, with service and CA replaced: a service needs
# a cluster's network.
configurations()
{
    kubectl create --dry-run=client --validate=false -o json -R -f "$manifests" |
        jq --arg url "https://$address" --arg ca "$(base64 -w 0 "$T/tls/ca.pem")" \
            '(if .kind == "List" then .items[] else . end) | select(.kind | endswith("WebhookConfiguration")) |
            .webhooks[].clientConfig |= {url: ($url + .service.path), caBundle: $ca}'
}

# register: applies them and waits until the API server goes by them.
register()
{
    configurations >"$T/configurations.json"
    quietly kubectl apply -f "$T/configurations.json"
    wait_for 15 enforced || no_server 'the registration'
}

# enforced: is an image that no rule matches refused?
enforced()
{
    ! kubectl create --dry-run=server -f "$(pod probe "unmatched.test/image@sha256:$(printf '%064d' 0)")"
}

# hook KIND NAME URL [JQ]: registers a webhook of the test's own for Pods in the namespace shop.
hook()
{
    jq -n --arg kind "$1" --arg name "$2" --arg url "$3" --arg ca "$(base64 -w 0 "$T/tls/ca.pem")" \
        '{apiVersion: "admissionregistration.k8s.io/v1", kind: ($kind + "WebhookConfiguration"), metadata: {name: $name},
        webhooks: [{name: ($name + ".e2e.test"), clientConfig: {url: $url, caBundle: $ca}, sideEffects: "None", admissionReviewVersions: ["v1"],
        failurePolicy: "Fail", timeoutSeconds: 10, namespaceSelector: {matchLabels: {"kubernetes.io/metadata.name": "shop"}},
        rules: [{apiGroups: [""], apiVersions: ["v1"], resources: ["pods"], operations: ["CREATE"]}]}]}'" ${4:+| $4}" >"$T/hook-$2.json"
    quietly kubectl apply -f "$T/hook-$2.json"
}
export api_url token manifests address e2e
export -f api pod template in_pod cluster_ready enforced configurations free_ports
