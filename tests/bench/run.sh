#!/bin/bash
# What one verification costs, beside an empty program with the same libraries, cosign 3, cosign 2, notation and skopeo, all in one run on
# one loopback docker-registry; and 1,000 signed images in one call.
#
#   tests/bench/run.sh [RUNS]      RUNS: of each program, 15 when not given
# shellcheck source-path=SCRIPTDIR source=../integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"

bench=$root/tests/bench
runs=${1:-15}
"$here/counterparts.sh"
# shellcheck disable=SC2046 # lists of words
{
    # Debian's gcc drops libraries that nothing uses: here they are what is measured.
    "${CC:-gcc}" -O2 -o "$T/empty" "$bench/empty.c" -Wl,--no-as-needed $(pkg-config --libs openssl libsodium libcurl jansson yaml-0.1) -pthread
    "${CC:-gcc}" -O2 -o "$T/launch" "$bench/launch.c"
}

start_registry bench plain
log=$T/bench.log
quietly "$sign" generate-key-pair --output-key-prefix "$T/key"
key=$T/key.key
pub=$T/key.pub
for form in bundle legacy notation; do
    image "$form" "$registry/bench/$form"
    declare "ref_$form=$ref"
done
quietly "$sign" "${ref_bundle:?}" --key "$key"
quietly "$sign" "${ref_legacy:?}" --key "$key" --format legacy

export XDG_CONFIG_HOME=$T/config
quietly notation cert generate-test --default bench.test
quietly notation sign --insecure-registry "${ref_notation:?}"
echo '{"version":"1.0","trustPolicies":[{"name":"bench","registryScopes":["*"],"signatureVerification":{"level":"strict"},
"trustStores":["ca:bench.test"],"trustedIdentities":["*"]}]}' >"$T/trustpolicy.json"
quietly notation policy import --force "$T/trustpolicy.json"

# skopeo through trixie's loader without the wrapper's shell, so that only skopeo is measured. It verifies by copying.
attachments "$registry"
printf '{"default":[{"type":"sigstoreSigned","keyPath":"%s","signedIdentity":{"type":"matchRepository"}}]}' "$pub" >"$T/policy.json"
skopeo=$(sed -n "s/^exec \(.*\) \"\$@\"$/\1/p" "$counterparts/bin/skopeo118")

{
    printf '%s\t%s\n' 'empty program' "$T/empty"
    printf '%s\t%s\n' 'verify, bundle' "$verify ${ref_bundle:?} --key $pub --allow-http-registry"
    printf '%s\t%s\n' 'verify, legacy' "$verify ${ref_legacy:?} --key $pub --allow-http-registry"
    printf '%s\t%s\n' 'cosign 3, bundle' "cosign3 verify --insecure-ignore-tlog=true --allow-http-registry --key $pub ${ref_bundle:?}"
    printf '%s\t%s\n' 'cosign 3, legacy' "cosign3 verify --insecure-ignore-tlog=true --allow-http-registry --key $pub ${ref_legacy:?}"
    printf '%s\t%s\n' 'cosign 2, legacy' "cosign2 verify --insecure-ignore-tlog=true --allow-http-registry --key $pub ${ref_legacy:?}"
    printf '%s\t%s\n' 'notation' "notation verify --insecure-registry ${ref_notation:?}"
    printf '%s\t%s\n' 'skopeo, legacy (and copy)' "$skopeo --registries.d $T/registries.d --policy $T/policy.json copy -q --src-tls-verify=false docker://${ref_legacy:?} dir:$T/copied"
} >"$T/commands"
python3 "$bench/measure.py" --launch "$T/launch" --log "$log" --runs "$runs" --json "$T/one.json" <"$T/commands"

ratio()
{
    jq -r --arg a "$1" --arg b "$2" --arg f "$3" '"\(.[$a][$f] / .[$b][$f] * 100 | round / 100)"' "$T/one.json"
}
above()
{
    jq -r --arg a "$1" --arg f "$2" --argjson u "$3" '"\((.[$a][$f] - .["empty program"][$f]) / $u * 10 | round / 10)"' "$T/one.json"
}
echo
for form in bundle legacy; do
    mine="verify, $form"
    echo "verify, $form: CPU $(above "$mine" cpu_us 1000) ms above the empty program (aim: at most 3), $(ratio "$mine" notation cpu_us) of notation's" \
        "(aim: at most 1), $(ratio "$mine" "cosign 3, $form" cpu_us) of cosign 3's (aim: at most 0.25);" \
        "memory $(above "$mine" peak_kib 1024) MiB above it (aim: at most 3)"
done

echo
for form in bundle legacy; do
    mapfile -t many < <(python3 "$bench/many.py" "$registry" "many/$form" 1000)
    printf '%s\n' "${many[@]}" >"$T/many"
    # Several at once: a signer waits a while on a registry without the referrers API, to see that nobody else overwrote the list.
    LIMIT=600 quietly xargs -a "$T/many" -P 8 -n 50 "$sign" --key "$key" --format "$form" --allow-http-registry
    python3 "$bench/measure.py" --launch "$T/launch" --log "$log" --runs 5 --json "$T/many.json" \
        < <(printf '1000 images, %s\t%s\n' "$form" "$verify --key $pub --allow-http-registry ${many[*]}")
    jq -r --slurpfile one "$T/one.json" '.[] | "each: \((.cpu_us - $one[0]["empty program"].cpu_us) / 1000000 * 1000 | round / 1000) ms of CPU (aim: at most 0.5), \(.wall_us / 1000000 * 100 | round / 100) ms of wall time, \(.requests / 1000) requests"' "$T/many.json"
done
