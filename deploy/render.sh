#!/bin/sh
# Renders the plain manifests from the chart, one file for each object. With --check nothing is written, and what is there must be what
# the chart gives.
#
#   deploy/render.sh [--check]
#
#   manifests/                 namespace, Deployment, Service ...; the Secret bulla-webhook-tls is to be made before
#   manifests/registration/    what makes the API server ask; CA_BUNDLE in it is to be replaced, and is refused when it is not
#   manifests/autoscaling/     a HorizontalPodAutoscaler, for those who want one
#   static-pod/registration/   the same for the static Pod on loopback
#
# HELM: the helm to call.
set -eu
export LC_ALL=C
umask 022

here=$(cd "$(dirname "$0")" && pwd)
helm=${HELM:-helm}
namespace=bulla-system
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# render FOLDER KINDS VALUE...: the objects whose kind is in KINDS (a regular expression), each in FOLDER/KIND[-NAME].yaml.
render()
{
    folder=$work/$1 kinds=$2
    shift 2
    mkdir -p "$folder"
    # Labels say who made an object: here it is not Helm. A kind that stands twice gets the end of its name.
    HELM_CACHE_HOME=$work/helm HELM_CONFIG_HOME=$work/helm HELM_DATA_HOME=$work/helm "$helm" template bulla "$here/chart/bulla" \
        --namespace "$namespace" --kube-version 1.36.0 "$@" >"$work/all"
    awk -v folder="$folder" -v kinds="^($kinds)$" '
        function flush(    file)
        {
            if (kind ~ kinds) {
                file = folder "/" tolower(kind)
                if (kind == "ConfigMap") {
                    sub(/.*-/, "", name)
                    file = file "-" name
                }
                printf "%s", text >(file ".yaml")
            }
            text = kind = name = ""
        }
        /^---$/ { flush(); next }
        /^# Source: / || /app.kubernetes.io\/managed-by: / || /^$/ { next }
        /^kind: / { kind = $2 }
        /^  name: / && name == "" { name = $2 }
        { text = text $0 "\n" }
        END { flush() }
    ' "$work/all"
}

tls='tls.mode=secret,tls.caBundle=CA_BUNDLE'
registration='ValidatingWebhookConfiguration|MutatingWebhookConfiguration'
render manifests 'NetworkPolicy|PodDisruptionBudget|ServiceAccount|ConfigMap|Service|Deployment' --set "$tls"
render manifests/registration "$registration" --set "$tls"
render manifests/autoscaling HorizontalPodAutoscaler --set "$tls,autoscaling.enabled=true"
namespace=kube-system
render static-pod/registration "$registration" --set "$tls,registration.url=https://127.0.0.1:8443"

# First of all by its name: kubectl takes the files of a folder in order.
cat >"$work/manifests/0-namespace.yaml" <<END
apiVersion: v1
kind: Namespace
metadata:
  name: bulla-system
  labels:
    pod-security.kubernetes.io/enforce: restricted
END

status=0
for folder in manifests static-pod/registration; do
    if [ "${1:-}" = --check ]; then
        diff -r "$here/$folder" "$work/$folder" || status=1
    else
        rm -rf "${here:?}/$folder"
        mkdir -p "$(dirname "$here/$folder")"
        cp -R "$work/$folder" "$here/$folder"
    fi
done
[ "$status" -eq 0 ] || echo 'render.sh: these are not what the chart gives: run deploy/render.sh' >&2
exit "$status"
