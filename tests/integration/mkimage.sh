#!/bin/bash
# An image of one tiny layer in an OCI layout, written by hand, so that no program under test has a part in it.
#
#   mkimage.sh DIR [TEXT]             one manifest under the tag v1
#   mkimage.sh --index DIR [TEXT]     two platforms in an index under the tag v1
#
# Prints the digest that v1 names, then with --index those of the two platforms. Another TEXT makes another image.
set -eu

index=
if [ "${1:-}" = --index ]; then
    index=1
    shift
fi
dir=$1
text=${2:-hello}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# blob FILE: puts the file among the blobs; leaves its digest in $digest and its size in $size.
blob()
{
    digest=$(sha256sum "$1" | cut -d ' ' -f 1)
    size=$(stat -c %s "$1")
    cp "$1" "$dir/blobs/sha256/$digest"
}

# manifest ARCHITECTURE: writes layer, configuration and manifest; leaves the manifest's digest and size.
manifest()
{
    local layer diff config
    mkdir -p "$work/root/etc"
    printf '%s on %s\n' "$text" "$1" >"$work/root/etc/motd"
    tar -C "$work/root" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -cf "$work/layer.tar" etc
    diff=$(sha256sum "$work/layer.tar" | cut -d ' ' -f 1)
    gzip -n -c "$work/layer.tar" >"$work/layer.gz"
    blob "$work/layer.gz"
    layer=$(printf '{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:%s","size":%s}' "$digest" "$size")
    printf '{"architecture":"%s","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
        "$1" "$diff" >"$work/config"
    blob "$work/config"
    config=$(printf '{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s}' "$digest" "$size")
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[%s]}' \
        "$config" "$layer" >"$work/manifest"
    blob "$work/manifest"
}

mkdir -p "$dir/blobs/sha256"
printf '{"imageLayoutVersion":"1.0.0"}' >"$dir/oci-layout"
media=application/vnd.oci.image.manifest.v1+json
platforms=
if [ -z "$index" ]; then
    manifest amd64
else
    list=
    for architecture in amd64 arm64; do
        manifest "$architecture"
        platforms="$platforms sha256:$digest"
        list="$list${list:+,}$(printf '{"mediaType":"%s","digest":"sha256:%s","size":%s,"platform":{"architecture":"%s","os":"linux"}}' \
            "$media" "$digest" "$size" "$architecture")"
    done
    media=application/vnd.oci.image.index.v1+json
    printf '{"schemaVersion":2,"mediaType":"%s","manifests":[%s]}' "$media" "$list" >"$work/index"
    blob "$work/index"
fi
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"%s","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"v1"}}]}' \
    "$media" "$digest" "$size" >"$dir/index.json"
echo "sha256:$digest"
for digest in $platforms; do
    echo "$digest"
done
