#!/bin/bash
# What Kubernetes says about itself, held against what we look at: every field of a PodSpec that holds an image, in every kind that has a
# PodSpec, and every resource by which such a kind is written.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

start_cluster
quietly "$sign" generate-key-pair --output-key-prefix "$T/release"
cat >"$T/policy.yaml" <<END
version: 1
unmatched: deny
signers: {release: {key: release.pub}}
rules: [{name: apps, images: "registry.test/**", require: {signed: release}}]
END

openapi()
{
    python3 "$e2e/openapi.py" "$@"
}

# seen_images OPENAPI: writes the images that `verify manifests` names in objects with one image in every field.
seen_images()
{
    openapi manifests "$1" >"$T/manifests.json" || return 1
    # 1: denied, which is what no rule says of them.
    "$verify" manifests --policy "$T/policy.yaml" --output json "$T/manifests.json" >"$T/lines" && return 1
    [ $? -eq 1 ] || return 1
    jq -r .image "$T/lines" | sort -u
}

# same_images OPENAPI: are those all that there are?
same_images()
{
    openapi expected "$1" | sed 'p; s,/[^/]*$,/plain,' | sort -u >"$T/expected"
    seen_images "$1" >"$T/seen" || return 2
    diff "$T/expected" "$T/seen" >"$T/difference"
}
export -f openapi seen_images same_images
export verify

quietly api GET /openapi/v2
cp "$T/answer" "$T/openapi.json"
check 'the fields that hold images are found' 0 '^volumes\[\]\.image\.reference$' - -- openapi fields "$T/openapi.json"
assert 'and are those of three kinds of containers and of image volumes' [ "$(wc -l <"$T/out")" -ge 4 ]
check 'the kinds with a PodSpec are found' 0 '^"" v1 Pod spec$' - -- openapi kinds "$T/openapi.json"
assert 'and are nine at least' [ "$(wc -l <"$T/out")" -ge 9 ]
check 'every such field is read in every such kind' 0 - - -- same_images "$T/openapi.json"
[ ! -s "$T/difference" ] || sed 's/^/    /' "$T/difference"

# The test itself: what Kubernetes might add one day is noticed.
future()
{
    jq "$2" "$T/openapi.json" >"$T/future.json"
    check "$1" 1 - - -- same_images "$T/future.json"
}
future 'a new field with an image is noticed' '.definitions["io.k8s.api.core.v1.PodSpec"].properties.sandboxImage = {type: "string"}'
future 'a new kind of volume with an image is noticed' \
    '.definitions["io.k8s.api.core.v1.Volume"].properties.model = {properties: {}, "$ref": "#/definitions/io.k8s.api.core.v1.ImageVolumeSource"}'
future 'a list of images is noticed' \
    '.definitions["io.k8s.api.core.v1.PodSpec"].properties.preload = {type: "array", description: "images to pull", items: {type: "string"}}'
jq '.definitions.New = {properties: {spec: {"$ref": "#/definitions/io.k8s.api.core.v1.PodTemplateSpec"}},
    "x-kubernetes-group-version-kind": [{group: "new.test", version: "v1", kind: "New"}]}' "$T/openapi.json" >"$T/future.json"
check 'a new kind with a PodSpec is noticed' 2 - 'New x: .*a kind that is not known' -- same_images "$T/future.json"
jq 'del(.definitions["io.k8s.api.core.v1.RBDVolumeSource"].properties.image)' "$T/openapi.json" >"$T/future.json"
check 'so is a field that was listed as no image and is gone' 1 - 'RBDVolumeSource.image is listed' -- openapi fields "$T/future.json"

# What is registered, against what can be written.
address=127.0.0.1:1
mkdir -p "$T/tls"
make_ca "$T/tls"
configurations >"$T/configurations.json"
# reviewed NAME: the resources that the validating webhooks' rules name, as openapi.py prints them.
jq -r 'select(.kind == "ValidatingWebhookConfiguration") | .webhooks[].rules[] |
    select((.operations | index("CREATE")) and (.operations | index("UPDATE")) or (.operations | index("*"))) |
    .apiGroups[] as $g | .apiVersions[] as $v | .resources[] | "\($g)/\($v)/\(.)"' "$T/configurations.json" | sort -u >"$T/reviewed"
openapi resources "$T/openapi.json" | sort -u >"$T/writable"
# Those of /status and /resize hold a whole object, and the API server takes nothing of its images: seen below.
grep -vE '/(status|resize)$' "$T/writable" >"$T/wanted"
assert 'there are resources that hold a PodSpec' [ "$(wc -l <"$T/wanted")" -ge 10 ]
missing=$(comm -23 "$T/wanted" "$T/reviewed")
assert 'every one of them is reviewed' [ -z "$missing" ]
[ -z "$missing" ] || sed 's/^/    /' <<<"$missing"
assert 'and nothing is reviewed that does not exist' [ -z "$(comm -13 "$T/writable" "$T/reviewed")" ]

quietly kubectl create -f "$(pod stored registry.test/app:1)"
quietly kubectl create -f "$(template stored-template registry.test/app:1)"
for at in pods/stored/status pods/stored/resize deployments/stored-template/status; do
    prefix=/api/v1
    case $at in deployments/*) prefix=/apis/apps/v1 ;; esac
    quietly api GET "$prefix/namespaces/shop/${at%/*}"
    jq '(.. | objects | select(has("image")) | .image) = "registry.test/other:1"' "$T/answer" >"$T/changed.json"
    run api PUT "$prefix/namespaces/shop/$at" "$T/changed.json"
    quietly api GET "$prefix/namespaces/shop/${at%/*}"
    assert "no image is changed through ${at%%/*}/${at##*/}" [ "$(jq -c '[.. | objects | select(has("image")) | .image]' "$T/answer")" = '["registry.test/app:1"]' ]
done
finish
