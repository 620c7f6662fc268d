#!/bin/bash
# verify audit on a real registry: lists, tags, the catalogue; each digest once; interrupted and resumed; what cannot be found out.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

quietly "$sign" generate-key-pair --output-key-prefix "$T/key"
quietly "$sign" generate-key-pair --output-key-prefix "$T/stranger"
pub=$T/key.pub
start_registry audit plain
live=$registry

# team/app: three images, two more tags of the third. team/web: every second image is signed. other/tool: by another key. batch/jobs: all.
{
    for i in 1 2 3; do echo "team/app v$i app-$i"; done
    printf 'team/app %s app-3\n' latest stable
    for i in 1 2 3 4 5 6 7 8 9 10; do echo "team/web w$i web-$i"; done
    for i in 1 2 3 4 5; do echo "other/tool t$i tool-$i"; done
    for i in 01 02 03 04 05 06 07 08 09 10 11 12; do echo "batch/jobs j$i job-$i"; done
} >"$T/wanted"
quietly python3 "$here/putimages.py" put "$live" <"$T/wanted"
python3 "$here/putimages.py" put "$live" <"$T/wanted" >"$T/images"

# refs PATTERN: digests of the images whose "REPOSITORY TAG" matches.
refs()
{
    grep -E "$1" "$T/images" | while read -r repository _ digest; do echo "$live/$repository@$digest"; done
}
# shellcheck disable=SC2046 # lists of words
{
    LIMIT=300 quietly "$sign" --key "$T/key.key" $(refs '^team/app v|^batch/|^team/web w[13] ')
    LIMIT=300 quietly "$sign" --key "$T/key.key" --format legacy $(refs '^team/web w[579] ')
    LIMIT=300 quietly "$sign" --key "$T/stranger.key" $(refs '^other/')
}
awk -v host="$live" '{ print host "/" $1 ":" $2 }' "$T/images" >"$T/list"

# lines FILE FILTER: how many lines of it jq selects.
lines()
{
    jq -s --argjson zero 0 "map(select($2)) | length" "$1"
}

# is NAME WANTED SEEN
is()
{
    if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "$3, not $2"; fi
}

# once NAME FILE: every image of the world has exactly one line in it, and every line is whole.
once()
{
    jq -r .image "$2" 2>"$T/err" | sort >"$T/seen"
    if diff <(sort "$T/list") "$T/seen" >"$T/out"; then ok "$1"; else not_ok "$1" "other images than the list's"; fi
}

# --- The catalogue ---
check 'catalogue: one is denied' 1 '"verdict":"deny"' '32 images: 22 allowed, 10 denied, 0 unknown' -- "$verify" audit --registry "$live" --key "$pub"
cp "$T/out" "$T/all.jsonl"
cp "$T/err" "$T/all.err"
once 'catalogue: every tag has a line' "$T/all.jsonl"
is 'catalogue: unsigned' 5 "$(lines "$T/all.jsonl" '.reason == "unsigned"')"
is 'catalogue: signed by another' 5 "$(lines "$T/all.jsonl" '.reason == "wrong-signer"')"
is 'catalogue: two tags are answered by a third' 2 "$(lines "$T/all.jsonl" '."same-as" != null')"
assert 'catalogue: the summary counts reasons' grep -qE '^verify: info: +5 (unsigned|wrong-signer)$' "$T/all.err"
assert 'catalogue: tags of signatures are told' grep -q 'tags of signatures and referrers are passed over' "$T/all.err"
is 'a line says what was found' 'true' "$(jq -s --arg pub "$pub" 'map(select(.image | endswith("team/app:v1")))[0] |
    (.digest | startswith("sha256:")) and .verdict == "allow" and .mode == "enforce" and .reason == "none" and .signers == [$pub] and .signatures == 1
    and .statements == [] and .policy.name == "--key" and (.policy.hash | length) == 12 and (.at | endswith("Z")) and .ms >= 0' "$T/all.jsonl")"

# --- The tags of a repository ---
before=$(wc -l <"$T/audit.log")
check 'repository: all are allowed' 0 '"same-as"' '5 images: 5 allowed' -- "$verify" audit --repository "$live/team/app" --key "$pub"
sleep 0.3
digest=$(awk '$2 == "v3" { print $3 }' "$T/images")
tail -n +"$((before + 1))" "$T/audit.log" >"$T/requests"
is 'repository: three tags of a digest cost one look-up' 1 "$(grep -c "manifests/${digest/:/-}[^.]" "$T/requests")"
check 'repository: by a pattern' 0 '' '3 images: 3 allowed' -- "$verify" audit --repository "$live/team/app" --tag-pattern 'v*' --key "$pub"
check 'repository: a pattern that nothing matches' 0 - '0 images' -- "$verify" audit --repository "$live/team/app" --tag-pattern 'x*' --key "$pub"
check 'repository: not there' 3 - 'HTTP 404' -- "$verify" audit --repository "$live/team/none" --key "$pub"
sentence 'repository: an image' 2 'names one image' -- "$verify" audit --repository "$live/team/app:v1" --key "$pub"

# --- Lists ---
{ printf '# images\n\n'; sed 's/$/\r/' "$T/list"; printf '  %s\n' "$(head -n 1 "$T/list")"; } >"$T/list.txt"
check 'list: comments, blanks, CRLF' 1 '' '32 images: 22 allowed, 10 denied' -- "$verify" audit -f "$T/list.txt" --key "$pub"
cp "$T/out" "$T/one.jsonl"
once 'list: an image that is named twice has one line' "$T/one.jsonl"
is 'list: in its order' "$(cat "$T/list")" "$(jq -r .image "$T/one.jsonl")"
# shellcheck disable=SC2016 # for the inner shell
check 'list: standard input, as text' 1 "image $live/team/web:w2@sha256:[0-9a-f]* denied: unsigned" '32 images' -- \
    bash -c '"$1" audit -f - --key "$2" -o text <"$3"' - "$verify" "$pub" "$T/list"
printf '%s\n# fine\nUPPER CASE\n' "$(head -n 1 "$T/list")" >"$T/bad.txt"
sentence 'list: a line that is no image' 2 'bad.txt:3: ' -- "$verify" audit -f "$T/bad.txt" --key "$pub"
echo '# nothing' >"$T/empty.txt"
sentence 'list: no image' 2 'names no image' -- "$verify" audit -f "$T/empty.txt" --key "$pub"
sentence 'list: not there' 2 'none.txt' -- "$verify" audit -f "$T/none.txt" --key "$pub"
sentence 'no source' 2 'say where the images are' -- "$verify" audit --key "$pub"
sentence 'two sources' 2 'say where the images are' -- "$verify" audit -f "$T/list" --registry "$live" --key "$pub"
sentence 'an image as argument' 2 'images come from' -- "$verify" audit "$live/team/app:v1" --key "$pub"
sentence 'a pattern for a list' 2 'tag-pattern' -- "$verify" audit -f "$T/list" --tag-pattern 'v*' --key "$pub"

# --- What cannot be found out ---
down=127.0.0.1:$(closed_port)
grep team/app "$T/list" >"$T/mixed.txt"
echo "$down/team/app:v1" >>"$T/mixed.txt"
echo "$down/team/app@$digest" >>"$T/mixed.txt"
check 'down: unknown' 3 '"verdict":"unknown".*"reason":"registry-unreachable"' '5 allowed, 0 denied, 2 unknown' -- \
    "$verify" audit -f "$T/mixed.txt" --key "$pub" --timeout 1s
grep team/web "$T/list" >>"$T/mixed.txt"
check 'down: beside one that is denied' 1 '' '2 unknown' -- "$verify" audit -f "$T/mixed.txt" --key "$pub" --timeout 1s
check 'down: the catalogue' 3 - "$down: catalogue" -- "$verify" audit --registry "$down" --key "$pub" --timeout 1s
check 'a deleted image is unknown, not unsigned' 3 '"reason":"not-found"' '1 unknown' -- \
    bash -c 'echo "$1" | "$2" audit -f - --key "$3"' - "$live/team/app:gone" "$verify" "$pub"

# --- SARIF ---
check 'SARIF' 1 '' '32 images' -- "$verify" audit --registry "$live" --key "$pub" -o sarif
is 'SARIF: a result for each image' 32 "$(jq '.runs[0].results | length' "$T/out")"
is 'SARIF: failures' 10 "$(jq '[.runs[0].results[] | select(.kind == "fail")] | length' "$T/out")"
check 'SARIF into a file' 1 - '32 images' -- "$verify" audit -f "$T/list" --key "$pub" -o sarif --output-file "$T/all.sarif"
is 'SARIF: with the line of the list' 7 "$(jq '.runs[0].results[6].locations[0].physicalLocation.region.startLine' "$T/all.sarif")"
sentence 'SARIF is not resumed' 2 'resume' -- "$verify" audit -f "$T/list" --key "$pub" -o sarif --resume "$T/all.jsonl"

# --- A policy ---
printf 'version: 1\nunmatched: deny\nsigners:\n  us: {key: key.pub}\nrules:\n  - {name: tools, images: "%s/other/**", mode: warn, require: {signed: us}}\n' "$live" >"$T/policy.yaml"
printf '  - {name: jobs, images: "%s/batch/**", namespaces: [jobs], require: {signed: us}}\n  - {name: apps, images: "%s/team/**", require: {signed: us}}\n' "$live" "$live" >>"$T/policy.yaml"
grep -v batch "$T/list" | grep -v web >"$T/policed.txt"
check 'policy: warned of only' 0 '"mode":"warn","rule":"tools"' '10 images: 5 allowed, 5 denied' -- "$verify" audit -f "$T/policed.txt" --policy "$T/policy.yaml"
check 'policy: --strict' 1 '' '' -- "$verify" audit -f "$T/policed.txt" --policy "$T/policy.yaml" --strict
sentence 'policy: a rule asks for a namespace' 2 'list:21: .*--namespace' -- "$verify" audit -f "$T/list" --policy "$T/policy.yaml"
check 'policy: with a namespace' 1 '"namespace":"jobs","verdict":"allow".*"rule":"jobs".*"signers":\["us"\]' '32 images: 22 allowed' -- \
    "$verify" audit -f "$T/list" --policy "$T/policy.yaml" --namespace jobs
check 'policy: in another nothing matches' 1 '"reason":"no-rule"' '12 no-rule' -- "$verify" audit -f "$T/list" --policy "$T/policy.yaml" --namespace web

# --- Interrupted and resumed ---
server slow python3 "$here/putimages.py" slow "$live" 25 "$T/slow.addr"
wait_for 10 test -s "$T/slow.addr" || no_server slow
slow=$(cat "$T/slow.addr")
cp "$T/list" "$T/list.live"
sed "s|^$live|$slow|" "$T/list.live" >"$T/list"

slowly=("$verify" audit -f "$T/list" --allow-http-registry)

# begin SIGNAL FILE: starts an audit, waits until it has written some lines, and sends the signal. Sets $status.
begin()
{
    python3 - "$1" "$2" "$verify" audit -f "$T/list" --key "$pub" --allow-http-registry --max-workers 1 --output-file "$2" 2>"$T/err" <<'END'
import os
import signal
import subprocess
import sys
import time
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_DFL)
path = sys.argv[2]
audit = subprocess.Popen(sys.argv[3:])
end = time.monotonic() + 30
while time.monotonic() < end and not (os.path.exists(path) and open(path, "rb").read().count(b"\n") >= 5):
    time.sleep(0.005)
audit.send_signal(getattr(signal, "SIG" + sys.argv[1]))
sys.exit(-audit.wait(30) & 127)
END
}

for sig in INT TERM KILL; do
    rm -f "$T/part.jsonl"
    status=0
    begin "$sig" "$T/part.jsonl" || status=$?
    is "$sig: the audit ends by it" "$(kill -l "$sig")" "$status"
    n=$(wc -l <"$T/part.jsonl")
    assert "$sig: in the middle ($n lines)" test "$n" -ge 5 -a "$n" -lt 32
    is "$sig: whole lines" "$n" "$(jq -c . "$T/part.jsonl" | wc -l)"
    [ "$sig" = KILL ] || assert "$sig: the summary of what was done" grep -q "^verify: info: $n images: " "$T/err"
    [ "$sig" = KILL ] && printf '{"image":"%s/team/app:v1","dig' "$slow" >>"$T/part.jsonl"
    if [ "$sig" = KILL ]; then
        sentence "$sig: half a line is not added to" 2 'half a line' -- "$verify" audit -f "$T/list" --key "$pub" --output-file "$T/part.jsonl"
    fi
    check "$sig: resumed" 1 - '32 images: 22 allowed, 10 denied, 0 unknown' -- \
        "${slowly[@]}" --key "$pub" --resume "$T/part.jsonl" --output-file "$T/part.jsonl"
    [ "$sig" = KILL ] && assert "$sig: half a line is cut off, and told" grep -q 'cut off' "$T/err"
    assert "$sig: what was skipped is told" grep -q "$n of them were answered in " "$T/err"
    once "$sig: every image has one line" "$T/part.jsonl"
done
check 'resumed once more: nothing is left to do' 1 - '32 of them were answered' -- \
    "${slowly[@]}" --key "$pub" --resume "$T/part.jsonl" --output-file "$T/part.jsonl"
is 'and no line is added' 32 "$(wc -l <"$T/part.jsonl")"
check 'another key asks another question' 1 '"wrong-signer"' 'lines are of another policy' -- \
    "${slowly[@]}" --key "$T/stranger.pub" --resume "$T/part.jsonl"
jq -c 'if .image | endswith("v2") then .verdict = "unknown" | .reason = "deadline" else . end' "$T/part.jsonl" >"$T/unknown.jsonl"
check 'what was unknown is tried again' 1 'team/app:v2"' '31 of them were answered' -- \
    "${slowly[@]}" --key "$pub" --resume "$T/unknown.jsonl"
is 'and nothing else is' 1 "$(wc -l <"$T/out")"
check 'a file that is not there yet' 1 '' 'is not there yet' -- "${slowly[@]}" --key "$pub" --resume "$T/new.jsonl"
sentence 'a file of something else' 2 'policy.yaml:1: ' -- "${slowly[@]}" --key "$pub" --resume "$T/policy.yaml"
printf 'no line at all' >"$T/other"
sentence 'a file of something else, without a line' 2 'no line of an audit' -- "${slowly[@]}" --key "$pub" --resume "$T/other"
is 'is left alone' 'no line at all' "$(cat "$T/other")"
check 'a full disk ends it' 3 - 'No space' -- "$verify" audit -f "$T/list" --key "$pub" --output-file /dev/full

# --- A registry with token authentication: the catalogue has a scope of its own ---
start_registry tokens token
mkdir "$T/docker"
printf '{"auths":{"%s":{"auth":"%s"}}}' "$registry" "$(printf 'alice:secret' | base64 -w0)" >"$T/docker/config.json"
check 'tokens: an empty catalogue' 0 - '0 images' -- env DOCKER_CONFIG="$T/docker" "$verify" audit --registry "$registry" --key "$pub"
assert 'tokens: the scope of the catalogue was asked for' grep -qE 'scope=registry(%3A|:)catalog' "$T/tokens-tokens.log"
check 'tokens: nobody without credentials lists it' 3 - "$registry: catalogue: HTTP 401.*no credentials" -- "$verify" audit --registry "$registry" --key "$pub"

finish
