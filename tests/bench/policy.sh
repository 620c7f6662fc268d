#!/bin/sh
# What judging an image and loading a policy cost, without any I/O; what hostile policies and predicates cost.
#
#   tests/bench/policy.sh
set -eu

cd "$(dirname "$0")/../.."
out=build/bench
"${MAKE:-make}" -s O=$out $out/core.a >/dev/null
# shellcheck disable=SC2046 # a list of words
"${CC:-gcc}" -std=c17 -O2 -D_GNU_SOURCE -I. -o $out/policy-bench tests/bench/policy.c $out/core.a $(pkg-config --cflags --libs openssl libsodium libcurl jansson yaml-0.1) -pthread
exec $out/policy-bench
