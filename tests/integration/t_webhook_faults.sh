#!/bin/bash
# The webhook when something goes wrong: registries that misbehave, callers that attack, storms of reviews, kills and reloads. Nothing of it
# may be an allow without proof, no review may be answered after its time, and the process must outlive all but kill -9.
#
# WEBHOOK chooses the binary, WEBHOOK_LOAD=small smaller loads (webhook_sanitized.sh), WEBHOOK_GROUPS some of the groups.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

webhook=${WEBHOOK:-$root/bin/webhook}
load=${WEBHOOK_LOAD:-full}
storm_images=500
[ "$load" = full ] || storm_images=100
# What a sanitizer finds goes to files, which webhook_faults.py looks for at its end.
export ASAN_OPTIONS=log_path=$T/sanitizer.asan:${ASAN_OPTIONS:-} UBSAN_OPTIONS=log_path=$T/sanitizer.ubsan:print_stacktrace=1
# A process that ends does not wait for look-ups that hang: their threads are not joined.
export TSAN_OPTIONS=log_path=$T/sanitizer.tsan:report_thread_leaks=0:${TSAN_OPTIONS:-}

mkdir "$T/tls"
make_ca "$T/tls"
foreign_key key p256
foreign_key stranger p256

signed_layouts

# Many small images for the storm, in layouts of 50: each signature rewrites the index of its layout.
sign_layout()
{
    local refs
    mapfile -t refs < <(sed -n "s|^signed |oci:$1@|p" "$1.list")
    "$sign" "${refs[@]}" --key "$T/key.key"
}
sign_layouts()
{
    printf '%s\n' "$T"/storm*.list | sed 's/\.list$//' | xargs -P 5 -I '{}' bash -c 'sign_layout {}'
}
export -f sign_layout sign_layouts
export sign
quietly python3 "$here/putimages.py" layouts "$T" "$storm_images"
quietly sign_layouts

# shellcheck disable=SC2086 # words
python3 "$here/webhook_faults.py" "$T" "$webhook" "$load" ${WEBHOOK_GROUPS:-} 2>&1 | tee "$T/cases" || true
# grep that counts none fails, too
passed=$((passed + $(grep -c '^ok ' "$T/cases" || true)))
failed=$((failed + $(grep -c '^not ok ' "$T/cases" || true)))
assert 'the cases came to their end' grep -q '^ok no report of a sanitizer$' "$T/cases"
finish
