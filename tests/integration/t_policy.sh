#!/bin/bash
# verify --policy on a real registry and on layouts: what each word of a policy lets in and keeps out, with its reason; then what is told of it
# (JSON, SARIF, lint, explain, test). Every refusal stands beside the same thing accepted.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

P=$here/predicates
SLSA=https://slsa.dev/provenance/v1
policy=$T/policy.yaml

# policy SIGNERS < REST: writes $policy. Each of SIGNERS (words) is a signer of the key of its name; NAME=A+B has the keys of A and B.
policy()
{
    local word keys
    {
        printf 'version: 1\nname: production\nserial: 42\n'
        [ -z "$1" ] || echo 'signers:'
        for word in $1; do
            keys=${word#*=}
            echo "  ${word%%=*}: {keys: [${keys//+/.pub, }.pub]}"
        done
        cat
    } >"$policy"
}

# allowed NAME IMAGE [OPTION...]
allowed()
{
    check "$1" 0 ' allowed( by rule|: no rule| \()' '' -- "$verify" "$2" --policy "$policy" "${@:3}"
}

# denied NAME REASON IMAGE [OPTION...]: the reason is an extended regular expression; it may go on with words of the sentence behind it.
denied()
{
    check "$1" 1 "(denied .*|^  .*): ($2)" '' -- "$verify" "$3" --policy "$policy" "${@:4}"
}

start_registry main plain
for key in old release ci stranger; do
    quietly "$sign" generate-key-pair --output-key-prefix "$T/$key"
done
cp "$T/release.pub" "$T/alias.pub"
foreign_key weak rsa

# sign_with KEY IMAGE [OPTION...]
sign_with()
{
    quietly "$sign" "$2" --key "$T/$1.key" "${@:3}"
}

# attest KEY TYPE FILE IMAGE
attest()
{
    quietly "$sign" attest "$4" --key "$T/$1.key" --type "$2" --predicate "$3"
}

# --- Signers: any of the keys counts, a rotation is no second signer ---
for layout in bundle legacy; do
    policy 'release=old+release' <<END
unmatched: deny
rules: [{name: apps, images: "$registry/**", require: {signed: release}}]
END
    for key in old release stranger; do
        image "rotation-$layout-$key" "$registry/rotation/$layout-$key"
        denied "$layout, $key: unsigned before" 'unsigned: no signature was found' "$ref"
        sign_with "$key" "$ref" --format "$layout"
        if [ "$key" = stranger ]; then
            denied "$layout: signed by a stranger" 'wrong-signer: |bad-signature: ' "$ref"
        else
            allowed "$layout: signed by the $key key" "$ref"
        fi
    done
done
image theirs "$registry/theirs"
quietly cosign3_sign true --key "$T/release.key" "$ref"
allowed 'signed by cosign 3' "$ref"
check 'the answer names rule, policy, serial and line' 0 'image .* allowed by rule "apps" \(production#42, policy.yaml:7\): signed' '' -- \
    "$verify" "$ref" --policy "$policy"
image tag "$registry/tag"
sign_with release "$ref"
check 'by tag: the digest that was judged is told' 0 "$registry/tag:v1@$digest allowed" '' -- "$verify" "$registry/tag:v1" --policy "$policy"
layout on-disk
denied 'a layout: no rule is about it' 'no-rule: ' "oci:$T/on-disk:v1"

# --- Annotations ---
policy release <<END
unmatched: deny
rules: [{name: apps, images: "$registry/**", require: {signed: release, annotations: {env: prod, team: web}}}]
END
for claims in 'env=prod team=web more=1' 'env=prod' 'env=test team=web' ''; do
    image "claims-$claims" "$registry/claims/n$(tr -dc '[:lower:]' <<<"$claims")"
    # shellcheck disable=SC2086 # a list of words
    sign_with release "$ref" --format bundle,legacy ${claims:+$(printf -- '--annotations %s ' $claims)}
    case $claims in
    *more*) allowed "annotations $claims" "$ref" ;;
    env=prod) denied "annotations $claims" 'wrong-annotation: .* nothing for annotation team, not web' "$ref" ;;
    env=test*) denied "annotations $claims" 'wrong-annotation: .* test for annotation env, not prod' "$ref" ;;
    '') denied 'no annotations' 'wrong-annotation: .* nothing for annotation env' "$ref" ;;
    esac
done

# --- Attestations ---
# checks LINE: one check of provenance with this line.
checks()
{
    policy ci <<END
unmatched: deny
checks:
  built: {type: $SLSA, statements: ${2:-any}, where: [$1]}
rules: [{name: apps, images: "$registry/**", require: {attested: built, by: ci}}]
END
}
builder=$(jq -r .runDetails.builder.id "$P/slsaprovenance1.json")
is_ours="{at: /predicate/runDetails/builder/id, is: \"$builder\"}"
image attested "$registry/attested"
attested=$ref
checks "$is_ours"
denied 'attested: not yet' 'unsigned: no attestation was found' "$ref"
sign_with ci "$ref"
denied 'attested: a signature is not an attestation' 'wrong-type: |unsigned: ' "$ref"
attest ci custom "$P/custom.json" "$ref"
denied 'attested: of another type' 'wrong-type: |unsigned: ' "$ref"
attest stranger slsaprovenance1 "$P/slsaprovenance1.json" "$ref"
denied 'attested: by a stranger' 'wrong-signer: |wrong-type: |bad-signature: |unsigned: ' "$ref"
attest ci slsaprovenance1 "$P/slsaprovenance1.json" "$ref"
allowed 'attested: accepted' "$ref"
checks "{at: /predicate/runDetails/builder/id, is: https://other.example/b}"
denied 'attested: another builder' "check-failed: at /predicate/runDetails/builder/id stands .*${builder:0:20}.*wanted: is https://other" "$ref"
checks "{at: /predicate/runDetails/bilder/id, not: https://other.example/b}"
denied 'attested: a mistyped pointer, negated' 'check-failed: at /predicate/runDetails/bilder/id stands nothing' "$ref"
checks "{each: /predicate/runDetails/bilder/*, at: /id, not: x, empty: pass}"
denied 'attested: a mistyped pointer to elements' 'check-failed: ' "$ref"
checks "{at: /predicate/runDetails/builder/id, matches: \"${builder%/*}/*\"}"
allowed 'attested: a pattern' "$ref"
checks "{at: /predicate/runDetails/builder/id, not-matches: \"${builder%/*}/*\"}"
denied 'attested: a pattern, negated' 'check-failed: ' "$ref"
checks "$is_ours" every
allowed 'every: one statement, and it passes' "$ref"
jq '.runDetails.builder.id = "https://other.example/b"' "$P/slsaprovenance1.json" >"$T/other.json"
attest ci slsaprovenance1 "$T/other.json" "$ref"
denied 'every: a second one that does not' 'check-failed: ' "$ref"
checks "$is_ours"
allowed 'any: the first one still passes' "$ref"
policy ci <<END
unmatched: deny
rules: [{name: apps, images: "$registry/**", require: {signed: ci}}]
END
image statement "$registry/statement"
attest ci slsaprovenance1 "$P/slsaprovenance1.json" "$ref"
denied 'an attestation is not a signature' 'unsigned: |wrong-type: ' "$ref"
sign_with ci "$ref"
allowed 'a signature beside it is' "$ref"

# newest: by the time that is signed.
scanned()
{
    jq --arg at "$1" --arg severity "$2" '.metadata.scanFinishedOn = $at | .scanner.result = {Results: [{Vulnerabilities: [{Severity: $severity}]}]}' "$P/vuln.json" >"$T/scan.json"
    attest ci vuln "$T/scan.json" "$ref"
}
policy ci <<END
unmatched: deny
checks:
  no-critical:
    type: https://cosign.sigstore.dev/attestation/vuln/v1
    statements: newest
    time: /predicate/metadata/scanFinishedOn
    max-age: 7d
    where: [{each: /predicate/scanner/result/Results/*/Vulnerabilities/*, at: /Severity, not-in: [CRITICAL], empty: pass, absent: pass}]
rules: [{name: apps, images: "$registry/**", require: {attested: no-critical, by: ci}}]
END
image scanned "$registry/scanned"
scanned "$(date -u -d '-9 days' +%FT%TZ)" LOW
denied 'newest: too old' 'check-failed: the time at /predicate/metadata/scanFinishedOn' "$ref"
scanned "$(date -u -d '-2 days' +%FT%TZ)" CRITICAL
denied 'newest: it is critical' 'check-failed: at /predicate/scanner/.* stands .*CRITICAL' "$ref"
scanned "$(date -u -d '-1 days' +%FT%TZ)" LOW
allowed 'newest: mended since' "$ref"
scanned "$(date -u -d '+1 days' +%FT%TZ)" LOW
denied 'newest: from the future' 'check-failed: the time' "$ref"

# --- atLeast: different signers ---
at_least()
{
    policy "$1" <<END
unmatched: deny
rules: [{name: apps, images: "$registry/**", require: {atLeast: 2, of: [$2]}}]
END
}
image both "$registry/both"
both=$ref
sign_with release "$ref"
at_least 'release ci' '{signed: release}, {signed: ci}'
denied 'atLeast 2: one signed' 'too-few: 1 of 2 different signers' "$ref"
at_least 'release alias' '{signed: release}, {signed: alias}'
denied 'atLeast 2: one key under two names is one' 'too-few: 1 of 2 different signers' "$ref"
sign_with ci "$ref"
at_least 'release ci' '{signed: release}, {signed: ci}'
allowed 'atLeast 2: both signed' "$ref"
at_least 'release=release+ci' '{signed: release}, {signed: release, annotations: {env: prod}}'
denied 'atLeast 2: two keys of one signer are one' 'too-few: 1 of 2 different signers' "$ref"
at_least 'release alias=alias+ci' '{signed: release}, {signed: alias}'
allowed 'atLeast 2: a key of its own for each' "$ref"

# --- repository: same ---
policy release <<END
unmatched: deny
rules: [{name: apps, images: "$registry/**", require: {signed: release, repository: same}}]
END
image same "$registry/same"
sign_with release "$ref" --format legacy
allowed 'repository: same, legacy' "$ref"
push same "$registry/moved:v1"
quietly "$sign" "$registry/moved@$digest" --key "$T/release.key" --format legacy --sign-container-identity "$registry/same"
denied 'repository: same, signed for another' "wrong-repository: .*$registry/same" "$registry/moved@$digest"
push same "$registry/bundled:v1"
sign_with release "$registry/bundled@$digest" --format bundle
denied 'repository: same, a bundle names none' 'wrong-repository: .* nothing as its repository' "$registry/bundled@$digest"
check 'lint notes it' 0 'policy.yaml:[0-9]+:[0-9]+: warning: rules\[0\]\.require\.repository: signatures in bundles' '' -- "$verify" policy lint "$policy"

# --- platforms ---
platforms()
{
    policy 'release ci' <<END
unmatched: deny
rules: [{name: apps, images: "$registry/**", platforms: $1, require: {any: [{signed: release}, {signed: ci}]}}]
END
}
image multi-index "$registry/multi/index" --index
sign_with release "$ref"
on_index=$ref
image multi-all "$registry/multi/all" --index
sign_with release "$ref" --recursive
on_all=$ref
image multi-each "$registry/multi/each" --index
for child in $children; do sign_with release "$registry/multi/each@$child"; done
on_each=$ref
image multi-half "$registry/multi/half" --index
sign_with release "$registry/multi/half@${children%%[[:space:]]*}"
on_half=$ref
image multi-mixed "$registry/multi/mixed" --index
sign_with release "$registry/multi/mixed@${children%%[[:space:]]*}"
sign_with ci "$registry/multi/mixed@${children##*[[:space:]]}"
on_mixed=$ref
platforms index
allowed 'platforms index: the index is signed' "$on_index"
allowed 'platforms index: all are signed' "$on_all"
denied 'platforms index: only its children are' 'unsigned: ' "$on_each"
platforms each
denied 'platforms each: only the index is signed' 'unsigned: ' "$on_index"
allowed 'platforms each: all are signed' "$on_all"
allowed 'platforms each: its children are' "$on_each"
denied 'platforms each: one of two' 'unsigned: ' "$on_half"
denied 'platforms each: each by another, no demand is met on both' 'unsigned: |wrong-signer: |bad-signature: ' "$on_mixed"
platforms index-or-each
allowed 'platforms index-or-each: the index' "$on_index"
allowed 'platforms index-or-each: its children' "$on_each"
denied 'platforms index-or-each: one of two' 'unsigned: ' "$on_half"
platforms each
allowed 'platforms each: an image that is no index is its own platform' "$both"

# --- The floor ---
floor()
{
    policy 'release weak' <<END
unmatched: deny
floor: $1
rules: [{name: apps, images: "$registry/**", require: {any: [{signed: release}, {signed: weak}]}}]
END
}
image floor "$registry/floor/image"
sign_with weak "$ref"
floor '{algorithms: [rsa-2048, ecdsa-p256]}'
allowed 'floor: algorithm' "$ref"
floor '{algorithms: [rsa-3072, ecdsa-p256]}'
denied 'floor: a weak key does not count' 'floor: weak signed with rsa-2048' "$ref"
sign_with release "$ref"
allowed 'floor: a strong one beside it does' "$ref"
floor "{registries: [\"$registry/floor/*\"]}"
allowed 'floor: registry' "$ref"
denied 'floor: another repository' 'floor: .* is in none of the floor.s registries' "$both"
floor '{forbid-tags: [v1]}'
denied 'floor: tag' 'floor: the floor forbids tag v1' "$registry/floor/image:v1"
allowed 'floor: a tag beside a digest is not looked at' "$registry/floor/image:v1@${ref#*@}"
floor '{forbid-tags: [latest]}'
denied 'floor: no tag is latest' 'floor: the floor forbids tag latest' "$registry/floor/image"

# --- Modes ---
modes()
{
    policy release <<END
mode: $1
unmatched: deny
rules: [{name: apps, images: "$registry/**", mode: $2, require: {signed: release}}]
END
}
image unsigned "$registry/unsigned"
unsigned=$ref
modes enforce enforce
denied 'mode enforce' 'unsigned: ' "$unsigned"
for pair in 'enforce warn warn' 'enforce audit audit' 'warn enforce warn' 'audit warn audit'; do
    read -r file rule effective <<<"$pair"
    modes "$file" "$rule"
    check "mode $file, rule $rule: told, not enforced" 0 "denied by rule .* \[$effective\]: unsigned" '' -- "$verify" "$unsigned" --policy "$policy"
    check "mode $file, rule $rule, --strict" 1 "denied by rule .* \[$effective\]: unsigned" '' -- "$verify" "$unsigned" --policy "$policy" --strict
    allowed "mode $file, rule $rule, --strict: signed" "$both" --strict
done

# --- unmatched ---
unmatched()
{
    policy release <<END
unmatched: $1
rules: [{name: apps, images: "$registry/apps/**", require: {signed: release}}]
END
}
unmatched deny
denied 'unmatched: deny' 'no-rule: no rule matches it' "$unsigned"
unmatched warn
check 'unmatched: warn' 0 'denied .*\[warn\].*no-rule' '' -- "$verify" "$unsigned" --policy "$policy"
check 'unmatched: warn, --strict' 1 'denied .*\[warn\].*no-rule' '' -- "$verify" "$unsigned" --policy "$policy" --strict
unmatched allow
allowed 'unmatched: allow' "$unsigned" --strict
push unsigned "$registry/apps/unsigned:v1"
denied 'unmatched: allow lets in nothing that a rule matches' 'unsigned: ' "$registry/apps/unsigned:v1"

# --- allow-unsigned and deny ---
exempt()
{
    policy release <<END
unmatched: deny
rules:
  - {name: exempt, images: "$1", allow-unsigned: {reason: OPS-1 cannot sign, until: $2}}
  - {name: gone, images: "$registry/gone/**", deny: use apps instead}
  - {name: apps, images: "$registry/**", require: {signed: release}}
END
}
exempt "$registry/unsigned" 2099-12-31
check 'allow-unsigned' 0 'allowed by rule "exempt" .*: unsigned is allowed: OPS-1 cannot sign' '' -- "$verify" "$unsigned" --policy "$policy"
denied 'allow-unsigned: of another image' 'unsigned: ' "$registry/apps/unsigned:v1"
exempt "$registry/unsigned@${unsigned#*@}" 2099-12-31
allowed 'allow-unsigned: by digest' "$unsigned"
push floor "$registry/unsigned:v2"
denied 'allow-unsigned: another digest' 'unsigned: ' "$registry/unsigned:v2"
exempt "$registry/unsigned" 2020-01-01
denied 'allow-unsigned that ran out matches nothing' 'unsigned: ' "$unsigned"
check 'and lint fails' 2 'error: rules\[0\]\.allow-unsigned\.until: ran out on 2020-01-01' '' -- "$verify" policy lint "$policy"
push unsigned "$registry/gone/image:v1"
sign_with release "$registry/gone/image@${unsigned#*@}"
denied 'deny: with its text, though it is signed' 'denied-by-rule: use apps instead' "$registry/gone/image@${unsigned#*@}"
push unsigned "$registry/here/image:v1"
sign_with release "$registry/here/image@${unsigned#*@}"
allowed 'deny: the same image elsewhere' "$registry/here/image@${unsigned#*@}"

# --- Namespaces, and one digest under two rules ---
policy 'release ci' <<END
unmatched: deny
rules:
  - {name: payments, images: "$registry/shared/**", namespaces: [payments, "pay-*"], require: {signed: ci}}
  - {name: shared, images: "$registry/shared/**", require: {signed: release}}
  - {name: apps, images: "$registry/**", require: {signed: ci}}
END
image shared "$registry/shared/image"
shared=$ref
sign_with release "$ref"
push shared "$registry/elsewhere/image:v1"
sign_with release "$registry/elsewhere/image@$digest"
denied 'namespace: its rule wants another signer' 'unsigned: no signature by ci was found' "$shared" --namespace payments
denied 'namespace: by pattern' 'unsigned: no signature by ci was found' "$shared" --namespace pay-eu
allowed 'namespace: of another the next rule decides' "$shared" --namespace web
sentence 'namespace: missing where a rule could match' 2 '--namespace' -- "$verify" "$shared" --policy "$policy"
denied 'namespace: not needed where none could' 'unsigned: no signature by ci was found' "$registry/elsewhere/image@$digest"
for order in "$shared $registry/elsewhere/image@$digest" "$registry/elsewhere/image@$digest $shared"; do
    # shellcheck disable=SC2086 # two words
    run "$verify" $order --policy "$policy" --namespace web --output json
    assert 'one digest under two rules: each has its own verdict' test \
        "$(jq -r '"\(.rule) \(.verdict)"' "$T/out" | sort | tr '\n' ' ')" = 'apps deny shared allow '
    assert 'one digest under two rules: exit' test "$status" -eq 1
done

# --- Hosts are spelt in many ways ---
policy release <<END
unmatched: deny
rules:
  - {name: hub, images: docker.io/library/busybox, deny: from the hub}
  - {name: upper, images: "Registry.Example:443/a/*", deny: from the example}
  - {name: rest, images: "$registry/**", require: {signed: release}}
END
for name in busybox docker.io/busybox index.docker.io/library/busybox registry-1.docker.io/library/busybox:1 DOCKER.IO/library/busybox; do
    denied "spelling $name" 'denied-by-rule: from the hub' "$name"
done
for name in registry.example/a/b REGISTRY.example/a/b:1 registry.example:443/a/b; do
    denied "spelling $name" 'denied-by-rule: from the example' "$name"
done
denied 'spelling: another port is another host' 'no-rule: ' registry.example:444/a/b
denied 'spelling: a longer name' 'no-rule: ' busybox.example/library/busybox

# --- It could not be found out ---
port=$(closed_port)
policy release <<END
unmatched: deny
rules: [{name: all, images: ["$registry/**", "127.0.0.1:$port/**"], require: {signed: release}}]
END
check 'unknown alone: exit 3' 3 'unknown .*registry-unreachable' '' -- "$verify" "127.0.0.1:$port/app@${both#*@}" --policy "$policy" --timeout 2s
check 'unknown beside allowed: exit 3' 3 'unknown .*registry-unreachable' '' -- "$verify" "$both" "127.0.0.1:$port/app@${both#*@}" --policy "$policy" --timeout 2s
check 'unknown beside denied: exit 1' 1 'unknown .*registry-unreachable' '' -- "$verify" "127.0.0.1:$port/app@${both#*@}" "$unsigned" --policy "$policy" --timeout 2s
allowed 'the one that is there' "$both"
check 'image that is not there' 3 'unknown .*not-found' '' -- "$verify" "$registry/nothing@${both#*@}" --policy "$policy"
sed -i 's/^unmatched: deny/mode: audit\nunmatched: deny/' "$policy"
check 'unknown under audit: exit 0' 0 'unknown .*\[audit\].*registry-unreachable' '' -- "$verify" "127.0.0.1:$port/app@${both#*@}" --policy "$policy" --timeout 2s
check 'unknown under audit, --strict: exit 3' 3 'unknown .*\[audit\].*registry-unreachable' '' -- \
    "$verify" "127.0.0.1:$port/app@${both#*@}" --policy "$policy" --timeout 2s --strict

# --- Output ---
policy 'release ci' <<END
unmatched: deny
rules: [{name: apps, images: "$registry/**", require: {all: [{signed: release}, {signed: ci}]}}]
END
run "$verify" "$both" "$unsigned" "127.0.0.1:$port/app:1" --policy "$policy" --output json
assert 'json: exit' test "$status" -eq 1
assert 'json: one object for each image' test "$(wc -l <"$T/out")" -eq 3
# shellcheck disable=SC2016 # jq's variables
assert 'json: allowed' jq -e -s --arg digest "${both#*@}" '.[0] | .verdict == "allow" and .reason == "none" and .message == "" and .rule == "apps" and .mode == "enforce"
    and .digest == $digest and .policy.name == "production" and .policy.serial == 42 and (.policy.hash | length == 12) and .signers == ["release", "ci"]' "$T/out"
assert 'json: denied' jq -e -s '.[1] | .verdict == "deny" and .reason == "unsigned" and .message != "" and .signers == []' "$T/out"
# shellcheck disable=SC2016
assert 'json: the hash is the file.s' jq -e -s --arg hash "$(sha256sum "$policy" | cut -c 1-12)" '.[0].policy.hash == $hash' "$T/out"
assert 'json: no rule' jq -e -s '.[2] | .reason == "no-rule" and (has("rule") | not) and (has("digest") | not)' "$T/out"
run "$verify" "$both" "$unsigned" --policy "$policy" --output sarif
cp "$T/out" "$T/report.sarif"
assert 'sarif: exit' test "$status" -eq 1
assert 'sarif: valid by its schema' sarif-check "$T/report.sarif"
assert 'sarif: one pass, one failure' jq -e '[.runs[0].results[] | .ruleId + " " + .kind + " " + .level] == ["verified pass none", "unsigned fail error"]' "$T/report.sarif"
assert 'sarif: so are reports of every kind' sarif-check "$root/tests/vectors/reports/report.sarif"
jq '.runs[0].results[0].level = "fatal"' "$T/report.sarif" >"$T/wrong.sarif"
assert 'sarif: the schema refuses another level' bash -c "! sarif-check '$T/wrong.sarif'"

# --- explain ---
says 'explain: allowed' 0 'proven +all of' -- "$verify" policy explain "$both" --policy "$policy"
assert 'explain: the line that asked for it' grep -qE 'proven +signed by ci \(policy.yaml:8\): ' "$T/out"
assert 'explain: what was looked for and found' grep -qE '^found: 2 pieces of evidence, 2 facts; everything was read$' "$T/out"
says 'explain: denied' 1 'disproven +signed by ci .*: unsigned: no signature was found' -- "$verify" policy explain "$unsigned" --policy "$policy"
says 'explain: unknown' 3 'verdict: unknown: not-found' -- "$verify" policy explain "$registry/nothing:v1" --policy "$policy"
check 'explain: two images' 2 - '^verify policy: one image is explained$' -- "$verify" policy explain "$both" "$both" --policy "$policy"

# --- lint ---
check 'lint: nothing to say' 0 - - -- "$verify" policy lint "$policy"
sed 's/require: {all/requires: {all/' "$policy" >"$T/wrong.yaml"
check 'lint: a misspelt key, with a suggestion' 2 'wrong.yaml:8:[0-9]+: error: rules\[0\]\.requires: .*did you mean "require"' '' -- "$verify" policy lint "$T/wrong.yaml"
sentence 'verify: the same policy is refused' 2 'did you mean "require"' -- "$verify" "$both" --policy "$T/wrong.yaml" --quiet
sed 's/signed: ci}/signed: release}/' "$policy" >"$T/wrong.yaml"
check 'lint: a signer that nothing uses' 2 'error: signers\.ci: ' '' -- "$verify" policy lint "$T/wrong.yaml"
sed 's/ci\.pub/none.pub/' "$policy" >"$T/wrong.yaml"
check 'lint: a key that is not there' 2 'error: signers\.ci\.keys\[0\]: ' '' -- "$verify" policy lint "$T/wrong.yaml"
check 'lint: the worst of many files decides' 2 '' '' -- "$verify" policy lint "$policy" "$T/wrong.yaml"
check 'lint: JSON' 2 '"level":"error"' '' -- "$verify" policy lint "$T/wrong.yaml" --output json
sed '/^unmatched/d' "$policy" >"$T/wrong.yaml"
check 'lint: unmatched must be written' 2 'unmatched is missing' '' -- "$verify" policy lint "$T/wrong.yaml"
says 'lint: no such file' 2 'none.yaml' -- "$verify" policy lint "$T/none.yaml"

# --- test ---
layout tested
quietly "$sign" "oci:$T/tested:v1" --key "$T/release.key"
quietly "$sign" "oci:$T/tested:v1" --key "$T/ci.key"
cases()
{
    cat <<END
version: 1
policy: policy.yaml
cases:
  - {name: written, image: "$registry/web:1", facts: [{signed: release}, {signed: ci}], expect: {verdict: allow, rule: apps}}
  - {name: one is missing, image: "$registry/web:1", facts: [{signed: release}], expect: {verdict: $1, reason: unsigned}}
  - {name: read, image: "$registry/web:1", layout: "tested:v1", expect: {verdict: allow}}
  - {name: lost, image: "$registry/web:1", facts: [], incomplete: deadline, expect: {verdict: unknown, reason: deadline}}
END
}
cases deny >"$T/cases.yaml"
check 'test: every case passes' 0 '4 passed, 0 failed' '' -- "$verify" policy test "$T/cases.yaml"
cases unknown >"$T/cases.yaml"
check 'test: one fails' 1 'not ok one is missing: expected unknown' '' -- "$verify" policy test "$T/cases.yaml"
assert 'test: the others pass' grep -q '3 passed, 1 failed' "$T/out"
sed -i 's/name: read/nam: read/' "$T/cases.yaml"
check 'test: a file that is wrong' 2 '' 'cases.yaml:6:.*did you mean "name"' -- "$verify" policy test "$T/cases.yaml"

# --- The command line ---
sentence 'neither policy nor key' 2 '--policy' -- "$verify" "$both"
sentence 'policy and key' 2 '--policy' -- "$verify" "$both" --policy "$policy" --key "$T/release.pub"
sentence 'a policy that is not there' 2 'none.yaml' -- "$verify" "$both" --policy "$T/none.yaml"
sentence 'annotations beside a policy' 2 '--annotations' -- "$verify" "$both" --policy "$policy" --annotations a=b
: "$attested"

finish
