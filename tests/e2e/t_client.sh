#!/bin/bash
# A webhook that only the API server may ask: the client certificate that an AdmissionConfiguration gives it is missing, of another CA, of
# another subject, right. One webhook for each, since the API server chooses what it shows by host and port.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

start_registry main plain
quietly "$sign" generate-key-pair --output-key-prefix "$T/release"
image good "$registry/apps/good"
good=$ref
image bare "$registry/apps/bare"
bare=$ref
quietly "$sign" "$good" --key "$T/release.key"
plain_registries
policy_of_apps
mount_policy
mount_tls
for ca in callers strangers; do
    mkdir "$T/$ca"
    make_ca "$T/$ca"
done
pair "$T/callers" right '/CN=kube-apiserver' 'extendedKeyUsage=clientAuth'
pair "$T/callers" wrong '/CN=somebody' 'extendedKeyUsage=clientAuth'
pair "$T/strangers" stranger '/CN=kube-apiserver' 'extendedKeyUsage=clientAuth'
echo 'a bearer token of the API server' | sha256sum | cut -c 1-64 >"$T/token"

users=
demands=(--client-ca "$T/callers/ca.pem" --client-name kube-apiserver)
# one NAME USER DEMAND...: a webhook with these options, to which the API server shows this.
one()
{
    local name=$1 user=$2
    shift 2
    start_webhook "$name" "$@"
    declare -g "at_$name=$address"
    [ -z "$user" ] || users="$users  - {name: \"$address\", user: {$user}}
"
}
shows()
{
    echo "client-certificate: \"$T/$1.pem\", client-key: \"$T/$1.key\""
}
one missing '' "${demands[@]}"
one stranger "$(shows strangers/stranger)" "${demands[@]}"
one wrong "$(shows callers/wrong)" "${demands[@]}"
one right "$(shows callers/right)" "${demands[@]}"
one tokenless '' --token-file "$T/token"
one token "tokenFile: \"$T/token\"" --token-file "$T/token"
one othertoken 'token: another' --token-file "$T/token"

{
    printf 'apiVersion: v1\nkind: Config\nusers:\n%s' "$users"
} >"$T/callers.kubeconfig"
cat >"$T/admission.yaml" <<END
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
  - name: ValidatingAdmissionWebhook
    configuration: {apiVersion: apiserver.config.k8s.io/v1, kind: WebhookAdmissionConfiguration, kubeConfigFile: "$T/callers.kubeconfig"}
  - name: MutatingAdmissionWebhook
    configuration: {apiVersion: apiserver.config.k8s.io/v1, kind: WebhookAdmissionConfiguration, kubeConfigFile: "$T/callers.kubeconfig"}
END
start_cluster --admission-control-config-file="$T/admission.yaml"

# asked NAME: this one is registered instead of the one before, and asked. Its name is in what is said, be it an answer or an error.
asked()
{
    local at=at_$1
    hook Validating only "https://${!at}/validate" ".webhooks[0].name = \"$1.e2e.test\""
    wait_for 15 going_by "$1" || true
}
going_by()
{
    ! kubectl create --dry-run=server -f "$(pod probe "$bare")" 2>"$T/probe.err" && grep -q "\"$1.e2e.test\"" "$T/probe.err"
}
refused()
{
    asked "$1"
    check "$2" 1 - "failed calling webhook.*$3" -- kubectl create -f "$(pod "$1" "$good")"
}
asked right
check 'a caller of the right name is answered: a signed image comes in' 0 created - -- kubectl create -f "$(pod right "$good")"
check 'and an unsigned one does not' 1 - 'denied the request: .*unsigned' -- kubectl create -f "$(pod right-bare "$bare")"
refused missing 'a caller without a certificate is not' ''
refused stranger 'nor one of another CA, of the same name' ''
refused wrong 'nor one of another name, of the same CA' ''
asked token
check 'a caller with the token is answered' 0 created - -- kubectl create -f "$(pod token "$good")"
refused tokenless 'one without is not' ''
refused othertoken 'nor one with another' ''
check 'nothing of it is there' 0 '^pod/right pod/token $' - -- bash -c 'kubectl get pods -o name | tr "\n" " "'

# The kubelet, which shows nothing, is answered on the probes of each.
for name in missing right token; do
    at=at_$name
    check "the probes of '$name' ask for nothing" 0 '^ok' - -- curl -sS --cacert "$T/tls/ca.pem" "https://${!at}/healthz"
done
finish
