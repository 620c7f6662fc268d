#!/bin/bash
# Builds the control plane that the end-to-end tests run against: kube-apiserver and kubectl of the module in kubernetes/, into the
# folder of the other counterparts (build/counterparts/bin, or COUNTERPARTS); etcd is Debian's.
#
#   tests/e2e/control-plane.sh
#
# What was built from the same go.mod and go.sum is kept. From nothing it takes about five minutes on two processors.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
dir=${COUNTERPARTS:-$root/build/counterparts}
at=$dir/pkg/kubernetes

sh "$root/tools/deps.sh" e2e
if [ -x "$dir/bin/kube-apiserver" ] && [ -x "$dir/bin/kubectl" ] &&
    cmp -s "$here/kubernetes/go.mod" "$at/go.mod" && cmp -s "$here/kubernetes/go.sum" "$at/go.sum"; then
    exit 0
fi
go=$("$root/tests/integration/counterparts.sh" --go)
version=$(sed -n 's|^[[:space:]]*k8s.io/kubernetes \(v[0-9.]*\).*|\1|p' "$here/kubernetes/go.mod")
rm -rf "$at"
mkdir -p "$dir/bin" "$at"
# A server that does not know its version is refused by some of its clients, and a build by hand leaves it out.
cd "$here/kubernetes"
GOFLAGS=-mod=readonly GOTOOLCHAIN=local CGO_ENABLED=0 "$go" build -p "$(nproc)" -trimpath \
    -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$version" -o "$dir/bin/" \
    k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kubectl
cp go.mod go.sum "$at"
