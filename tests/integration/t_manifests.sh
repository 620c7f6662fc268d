#!/bin/bash
# verify manifests on manifests of the kinds that real tools print: helm's stream with comments and hooks, kubectl's list in JSON, folders; each
# image with file and line. What cannot be understood is an error, never passed over.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

policy=$T/policy.yaml
start_registry main plain
for key in release ci; do
    quietly "$sign" generate-key-pair --output-key-prefix "$T/$key"
done
# Each NAME becomes an image; its reference goes to $NAME.
for name in web side init job cron; do
    image "$name" "$registry/apps/$name"
    declare "$name=$ref"
    quietly "$sign" "$ref" --key "$T/release.key"
done
image bare "$registry/apps/bare"
bare=$ref
cat >"$policy" <<END
version: 1
name: production
unmatched: deny
signers: {release: {key: release.pub}, ci: {key: ci.pub}}
rules:
  - {name: payments, images: "$registry/**", namespaces: [payments], require: {signed: ci}}
  - {name: apps, images: "$registry/**", require: {signed: release}}
END

# As `helm template` prints it: comments with the source, empty documents, a hook, several kinds.
cat >"$T/helm.yaml" <<END
---
# Source: app/templates/empty.yaml
---
# Source: app/templates/service.yaml
apiVersion: v1
kind: Service
metadata: {name: web, namespace: web}
spec:
  ports: [{port: 80}]
---
# Source: app/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: web
spec:
  template:
    spec:
      initContainers:
        - name: init
          image: "${init:?}"
      containers:
        - name: web
          image: ${web:?}
        - name: side
          image: '${side:?}'
---
# Source: app/templates/cronjob.yaml
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, namespace: web}
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          containers:
            - {name: cron, image: "${cron:?}"}
---
# Source: app/templates/tests/hook.yaml
apiVersion: v1
kind: Pod
metadata:
  name: test
  namespace: web
  annotations:
    "helm.sh/hook": test
spec:
  containers:
    - name: job
      image: >-
        ${job:?}
END

# manifests NAME EXIT STDOUT STDERR [ARGUMENT...]
manifests()
{
    check "$1" "$2" "$3" "$4" -- "$verify" manifests --policy "$policy" "${@:5}"
}

# judged NAME LINES: how many lines of the last output tell of an image.
judged()
{
    assert "$1" test "$(grep -c 'image .* \(allowed\|denied\|unknown\)' "$T/out")" -eq "$2"
}

manifests 'helm: every image is allowed' 0 '' - "$T/helm.yaml"
judged 'helm: five images' 5
line_of()
{
    grep -n "$1" "$2" | head -n 1 | cut -d : -f 1
}
for name in init web side cron; do
    assert "helm: the line of $name is its own" grep -q "^$T/helm.yaml:$(line_of "apps/$name@" "$T/helm.yaml"): image $registry/apps/$name@" "$T/out"
done
check 'helm: from standard input' 0 '^stdin:[0-9]+: image .* allowed' - -- bash -c "'$verify' manifests - --policy '$policy' <'$T/helm.yaml'"
judged 'helm: from standard input: five images' 5

# One that is not signed.
sed "s|${side##*/}|${bare##*/}|" "$T/helm.yaml" >"$T/denied.yaml"
line=$(line_of "${bare##*/}" "$T/denied.yaml")
manifests 'one is not signed: exit 1, its line, its reason' 1 "^$T/denied.yaml:$line: image $bare denied by rule \"apps\" .*: unsigned" '' "$T/denied.yaml"
judged 'one is not signed: the others are told too' 5
run "$verify" manifests "$T/denied.yaml" --policy "$policy" --output json
assert 'json: verdicts and namespaces' jq -e -s '(map(.verdict) | sort) == ["allow", "allow", "allow", "allow", "deny"] and all(.namespace == "web")' "$T/out"
run "$verify" manifests "$T/denied.yaml" --policy "$policy" --output sarif
cp "$T/out" "$T/report.sarif"
assert 'sarif: valid by its schema' sarif-check "$T/report.sarif"
# shellcheck disable=SC2016 # jq's variables
assert 'sarif: the place of the failure' jq -e --argjson line "$line" --arg file "$T/denied.yaml" '[.runs[0].results[] | select(.kind == "fail")] | length == 1 and
    (.[0].locations[0].physicalLocation | .artifactLocation.uri == $file and .region.startLine == $line)' "$T/report.sarif"

# Namespaces: the manifest's own, else --namespace.
sed 's/namespace: web/namespace: payments/' "$T/helm.yaml" >"$T/payments.yaml"
manifests 'namespace of the manifest: another rule' 1 'denied by rule "payments" .*: unsigned' '' "$T/payments.yaml"
sed 's/, namespace: web//; /^  namespace: web/d' "$T/helm.yaml" >"$T/nowhere.yaml"
manifests 'no namespace: misuse, nothing is judged' 2 - '--namespace' "$T/nowhere.yaml"
manifests 'no namespace: --namespace tells it' 0 'allowed by rule "apps"' - "$T/nowhere.yaml" --namespace web
manifests '--namespace does not overrule the manifest' 0 'allowed by rule "apps"' - "$T/helm.yaml" --namespace payments
manifests '--namespace of the other rule' 1 'denied by rule "payments"' '' "$T/nowhere.yaml" --namespace payments

# kubectl get -o json, and JSON one after another.
jq -n --arg web "$web" --arg bare "$bare" '{apiVersion: "v1", kind: "List", items: [
    {apiVersion: "v1", kind: "Pod", metadata: {name: "a", namespace: "web"}, spec: {containers: [{name: "c", image: $web}]}},
    {apiVersion: "v1", kind: "ConfigMap", metadata: {name: "b", namespace: "web"}, data: {image: $bare}},
    {apiVersion: "apps/v1", kind: "DaemonSet", metadata: {name: "d", namespace: "web"}, spec: {template: {spec: {containers: [{name: "c", image: $web}]}}}}]}' >"$T/list.json"
manifests 'kubectl: a list in JSON' 0 'allowed' - "$T/list.json"
judged 'kubectl: two images, and none of a ConfigMap' 2
sed "s|${web##*/}|${bare##*/}|" "$T/list.json" >"$T/denied.json"
manifests 'kubectl: one is not signed' 1 "^$T/denied.json:[0-9]+: image $bare denied" '' "$T/denied.json"
jq -c '.items[]' "$T/list.json" >"$T/lines.json"
manifests 'JSON, one object on each line' 0 "^$T/lines.json:3: image .* allowed" - "$T/lines.json"

# Folders.
mkdir -p "$T/tree/sub" "$T/tree/.git"
cp "$T/helm.yaml" "$T/tree/a.yaml"
cp "$T/list.json" "$T/tree/sub/b.json"
cp "$T/denied.yaml" "$T/tree/.git/c.yaml"
cp "$T/denied.yaml" "$T/tree/notes.txt"
manifests 'a folder: manifests by their names' 0 "^$T/tree/sub/b.json:[0-9]+: image" - "$T/tree"
judged 'a folder: seven images' 7
manifests 'a file that is named is read whatever it is called' 1 'denied' '' "$T/tree" "$T/tree/notes.txt"
cp "$T/denied.yaml" "$T/tree/sub/d.yml"
manifests 'a folder: one more' 1 "^$T/tree/sub/d.yml:$line: image $bare denied" '' "$T/tree"

# What cannot be understood.
sentence_of()
{
    sentence "$1" 2 "$2" -- "$verify" manifests --policy "$policy" "${@:3}"
}
check 'nothing on standard input' 2 - 'no Kubernetes object was found: nothing was judged' -- bash -c "'$verify' manifests - --policy '$policy' </dev/null"
printf -- '---\n# nothing\n---\n' >"$T/empty.yaml"
sentence_of 'nothing but comments' 'no Kubernetes object was found' "$T/empty.yaml"
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n' >"$T/config.yaml"
manifests 'an object without images is an answer' 0 - 'none of which names an image' "$T/config.yaml"
mkdir "$T/nothing"
sentence_of 'an empty folder' 'no Kubernetes object was found' "$T/nothing"
sentence_of 'no such file' 'none.yaml' "$T/none.yaml"
sentence_of 'nothing named' 'name manifests'
printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: &s {containers: [{name: c, image: "%s"}]}\nother: *s\n' "$web" >"$T/alias.yaml"
sentence_of 'an alias' "$T/alias.yaml:[45].*(alias|anchor)" "$T/alias.yaml"
printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: web}\nspec: {containers: [{name: c, image: "%s"}, {name: d, image: "UPPER/Case"}]}\n' "$web" >"$T/name.yaml"
sentence_of 'an image that is no reference' "$T/name.yaml:4: Pod a: spec.containers\[1\].image: " "$T/name.yaml"
printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: web}\nspec: {containers: [{name: c, image: "oci:%s/web:v1"}]}\n' "$T" >"$T/layout.yaml"
sentence_of 'a layout is no image of a cluster' "$T/layout.yaml:4: .*layout" "$T/layout.yaml"
printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: a\n' >"$T/broken.yaml"
sentence_of 'broken YAML' "$T/broken.yaml:[34]" "$T/broken.yaml"
printf '{"apiVersion": "v1", "kind": "Pod"' >"$T/broken.json"
sentence_of 'broken JSON' "$T/broken.json" "$T/broken.json"
head -c 20000 /dev/zero | tr '\0' '[' >"$T/deep.yaml"
sentence 'deep nesting' 3 "$T/deep.yaml:1: .*deeper than 64" -- "$verify" manifests --policy "$policy" "$T/deep.yaml"
cat "$T/helm.yaml" "$T/alias.yaml" >"$T/late.yaml"
sentence_of 'an error behind good documents: nothing is judged' "$T/late.yaml:[0-9]+" "$T/late.yaml"

# Kinds of one's own.
printf 'apiVersion: example.org/v1\nkind: Tool\nmetadata: {name: t, namespace: web}\nspec:\n  runner:\n    image: %s\n' "$bare" >"$T/custom.yaml"
manifests 'a custom kind: its image, as told' 1 "^$T/custom.yaml:6: image $bare denied" '' "$T/custom.yaml" --custom-kind Tool.example.org=/spec/runner/image
sed -i "s|${bare##*/}|${web##*/}|; s|apps/bare|apps/web|" "$T/custom.yaml"
manifests 'a custom kind: signed' 0 "^$T/custom.yaml:6: image .*apps/web" - "$T/custom.yaml" --custom-kind Tool.example.org=/spec/runner/image

# Keys instead of a policy; what could not be found out.
check 'with --key' 0 "^$T/helm.yaml:[0-9]+: image .* allowed: signed with" - -- "$verify" manifests "$T/helm.yaml" --key "$T/release.pub"
check 'with another --key' 1 "^$T/helm.yaml:[0-9]+: image .* denied: " '' -- "$verify" manifests "$T/helm.yaml" --key "$T/ci.pub"
port=$(closed_port)
sed "s|$registry/apps/cron|127.0.0.1:$port/apps/cron|" "$T/helm.yaml" >"$T/down.yaml"
check 'a registry that is down: exit 3' 3 'unknown.*registry-unreachable' '' -- "$verify" manifests "$T/down.yaml" --key "$T/release.pub" --timeout 2s
sed "s|$registry/apps/cron|127.0.0.1:$port/apps/cron|" "$T/denied.yaml" >"$T/down.yaml"
check 'a registry that is down, beside a denied image: exit 1' 1 'unknown.*registry-unreachable' '' -- "$verify" manifests "$T/down.yaml" --key "$T/release.pub" --timeout 2s

finish
