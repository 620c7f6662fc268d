#!/bin/sh
# Builds the container image of deploy/Dockerfile as an OCI layout, without a Docker daemon: umoci around what closure.sh lays out.
#
#   deploy/image.sh LAYOUT[:TAG] [PROGRAM]      TAG: the version; PROGRAM: bin/webhook
#
# Prints the image's digest. Needs umoci, jq and GNU tar. The same program on the same Debian gives the same digest: every time in the
# image is SOURCE_DATE_EPOCH, or else that of the last commit. `sign copy oci:LAYOUT:TAG REGISTRY/NAME:TAG` pushes it.
set -eu
export LC_ALL=C
umask 022

here=$(cd "$(dirname "$0")" && pwd)
top=$(dirname "$here")
version=$(cat "$top/VERSION")
layout=${1:?usage: deploy/image.sh LAYOUT[:TAG] [PROGRAM]}
program=${2:-$top/bin/webhook}
case $layout in
*:*) tag=${layout##*:} ;;
*) tag=$version ;;
esac
layout=${layout%%:*}

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$top" log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH
created=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
case $(uname -m) in
x86_64) architecture=amd64 ;;
aarch64) architecture=arm64 ;;
*) architecture=$(uname -m) ;;
esac

for tool in umoci jq tar; do
    command -v "$tool" >/dev/null || { echo "image.sh: no $tool" >&2; exit 1; }
done
[ ! -e "$layout" ] || { echo "image.sh: $layout is there already" >&2; exit 1; }

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

sh "$here/closure.sh" "$program" "$work/root"
tar --create --file "$work/layer.tar" --directory "$work/root" --format=posix --sort=name --owner=0 --group=0 --numeric-owner \
    --pax-option=delete=atime,delete=ctime,delete=mtime --mtime="@$SOURCE_DATE_EPOCH" .

umoci init --layout "$layout"
umoci new --image "$layout:$tag"
umoci raw add-layer --image "$layout:$tag" --history.created "$created" --history.created_by deploy/closure.sh "$work/layer.tar"
umoci config --image "$layout:$tag" --no-history --created "$created" --os linux --architecture "$architecture" \
    --config.user 65532:65532 --config.workingdir / --config.entrypoint "/usr/bin/$(basename "$program")" \
    --config.exposedports 8443/tcp --config.exposedports 8080/tcp \
    --config.label org.opencontainers.image.title=bulla-webhook \
    --config.label org.opencontainers.image.description='Kubernetes admission webhook that keeps unsigned images out' \
    --config.label org.opencontainers.image.licenses=Apache-2.0 --config.label "org.opencontainers.image.version=$version"
umoci gc --layout "$layout"
jq -r --arg tag "$tag" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $tag) | .digest' "$layout/index.json"
