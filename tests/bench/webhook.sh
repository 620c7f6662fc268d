#!/bin/bash
# The admission webhook: warm reviews beside a bare libmicrohttpd server, cold reviews, memory, readiness; all in one run on loopback.
# Needs nothing but what this repository is built with, OpenSSL's program and Python.
#
#   tests/bench/webhook.sh [--only PART,...] [--rounds N] [--seconds N] [--digests N] [--soak MINUTES]
#
#   --only     of: ready, warm, cold, delay, memory                    (all but the soak when not given)
#   --rounds   of the warm comparison, bare server and webhook in turn (5)
#   --seconds  of each round                                           (2)
#   --digests  distinct digests of the memory figure                   (20000)
#   --soak     keep asking for those digests for so long, a line of memory each minute; by hand
# shellcheck source-path=SCRIPTDIR source=../integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"

bench=$root/tests/bench
for program in bare load registry; do
    # shellcheck disable=SC2046 # a list of words
    "${CC:-gcc}" -std=c17 -D_GNU_SOURCE -O2 -o "$T/$program" "$bench/$program.c" $(pkg-config --libs libmicrohttpd openssl) -pthread
done
quietly "$sign" generate-key-pair --output-key-prefix "$T/key"
quietly openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/tls.key" -out "$T/tls.pem" -days 30 \
    -subj /CN=webhook.bulla.svc -addext 'subjectAltName=DNS:webhook.bulla.svc,IP:127.0.0.1'
python3 "$bench/webhook.py" --folder "$T" --sign "$sign" --webhook "${WEBHOOK:-$root/bin/webhook}" \
    --put "$here/putimages.py" "$@"
