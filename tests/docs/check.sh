#!/bin/bash
# What the programs' --help says, held against the man pages and the completions: the same commands, the same options, in both
# directions. Words that the sources define (reasons, keys of registries.yaml) stand in the documents; links lead somewhere.
#
#   tests/docs/check.sh [FOLDER]      FOLDER: where the programs are, bin when not given
#
# Ends with 'N passed, N failed'.
set -u
export LC_ALL=C

root=$(cd "$(dirname "$0")/../.." && pwd)
bin=${1:-$root/bin}
passed=0
failed=0

# same NAME EXPECTED FOUND: two lists of words, sorted.
same()
{
    local missing surplus
    missing=$(comm -23 <(printf '%s\n' "$2") <(printf '%s\n' "$3") | tr '\n' ' ')
    surplus=$(comm -13 <(printf '%s\n' "$2") <(printf '%s\n' "$3") | tr '\n' ' ')
    if [ -n "$2" ] && [ -z "${missing// /}${surplus// /}" ]; then
        passed=$((passed + 1))
        echo "ok $1"
    else
        failed=$((failed + 1))
        echo "not ok $1"
        echo "    missing: $missing"
        echo "    not in the program: $surplus"
    fi
}

words()
{
    tr -s ' \n' '\n' | grep -v '^$' | sort -u
}

commands_of()
{
    "$bin/$1" --help | awk '/^Commands:$/ { on = 1; next } /^$/ { on = 0 } on { print $1 }'
}

# Without -h and --help, which every command has.
options_of()
{
    # shellcheck disable=SC2086 # a command may be two words
    "$bin/$1" $2 --help | awk '/^Options:$/ { on = 1; next } on' |
        grep -oE '^ +(-[a-z], )?--[a-z0-9-]+' | tr -d , | words | grep -vxE -e '-h|--help'
}

# The lines of one subsection of a man page.
section()
{
    awk -v want="$2" '/^\.S[sh] / { on = substr($0, 5) == want || index(substr($0, 5), want " ") == 1; next } on' "$1"
}

man_options()
{
    local page=$root/docs/man/$1.1 title="$1 $2" text
    [ -n "$2" ] || case $1 in sign) title='Signing images' ;; verify) title='Judging images' ;; webhook) title=Serving ;; esac
    text=$(section "$page" "$title")
    if grep -q '^\.Sx Shared options' <<<"$text"; then
        text=$text$'\n'$(section "$page" 'Shared options')
    fi
    grep '^\.It Fl ' <<<"$text" | grep -oE 'Fl [a-z0-9-]+' | sed 's/^Fl /-/' | words
}

man_commands()
{
    awk '/^\.Sh SYNOPSIS/ { on = 1; next } /^\.Sh/ { on = 0 } on && $1 == ".Cm" { print $2 }' "$root/docs/man/$1.1" | words | grep -vx help
}

# What bash offers behind "PROGRAM COMMAND -".
bash_options()
{
    # shellcheck disable=SC2086 # a command may be two words
    bash -c 'source "$1"; shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        "_$1"; printf "%s\n" "${COMPREPLY[@]}"' bash "$root/completions/$1.bash" "$1" $2 - | words |
        grep -vxE -e '-h|--help|--version'
}

bash_commands()
{
    bash -c 'source "$1"; COMP_WORDS=("$2" "") COMP_CWORD=1; "_$2"; printf "%s\n" "${COMPREPLY[@]}"' bash \
        "$root/completions/$1.bash" "$1" | words | grep -vxE 'help|oci:'
}

# The branch of a command with the lists that it names.
zsh_options()
{
    local file=$root/completions/$1.zsh branch list text word=${2:-*}
    branch=$(awk -v want="    (${word// /\\\\ })" '$0 == want { on = 1 } on; /;;/ { on = 0 }' "$file")
    text=$branch
    for list in $(grep -oE '\$[a-z]+' <<<"$branch" | tr -d '$' | grep -vx words | sort -u); do
        text=$text$'\n'$(awk -v want="    $list=(" 'index($0, want) == 1 { on = 1 } on; on && /\)$/ { exit }' "$file")
    done
    grep -oE "(^|[^a-zA-Z0-9-])--?[a-z][a-z0-9-]*" <<<"$text" | sed 's/^[^-]*//' | words | grep -vxE -e '-h|--help|--version|-s|-S'
}

zsh_commands()
{
    awk '/^    commands=\($/ { on = 1; next } /^    \)$/ { on = 0 } on' "$root/completions/$1.zsh" | sed "s/^ *'\([a-z-]*\):.*/\1/" |
        words | grep -vx help
}

for program in sign verify webhook; do
    commands=$(commands_of "$program" | words)
    mapfile -t each < <(printf '%s\n' '' "$commands" | grep -vx policy)
    [ "$program" = verify ] && mapfile -t -O "${#each[@]}" each < <("$bin/verify" policy --help | awk '/^Commands:$/ { on = 1; next } /^$/ { on = 0 } on { print "policy " $1 }')
    same "$program: commands in the man page" "$commands" "$(man_commands "$program")"
    same "$program: commands in the completion for bash" "$commands" "$(bash_commands "$program")"
    same "$program: commands in the completion for zsh" "$commands" "$(zsh_commands "$program")"
    for command in "${each[@]}"; do
        options=$(options_of "$program" "$command")
        name="$program${command:+ }$command: options in the"
        same "$name man page" "$options" "$(man_options "$program" "$command")"
        same "$name completion for bash" "$options" "$(bash_options "$program" "$command")"
        same "$name completion for zsh" "$options" "$(zsh_options "$program" "$command")"
    done
done

reasons=$(sed -n 's/^ *\[REASON_[A-Z_]*\] = "\([a-z-]*\)",$/\1/p' "$root/evidence/reason.c" | words | grep -vx none)
same 'docs/reasons.md: every reason' "$reasons" "$(sed -n 's/^| `\([a-z-]*\)` |.*/\1/p' "$root/docs/reasons.md" | words)"
same 'verify.1: every reason' "$reasons" "$(section "$root/docs/man/verify.1" REASONS | grep -oE 'Cm [a-z-]+' | sed 's/^Cm //' | words | grep -vx none)"

keys=$(grep -oE '\{ "[a-z-]+", read_[a-z_]+ \}' "$root/registry/hosts_yaml.c" | cut -d '"' -f 2 | words)
same 'bulla-registries.yaml.5: every key' "$keys" "$(grep -oE '(^\.It )?Cm [a-z-]+' "$root/docs/man/bulla-registries.yaml.5" | sed 's/.*Cm //' | words)"

keys=$(grep -ohE '\{ "[a-zA-Z-]+", [a-z_]+, (true|false) \}' "$root"/policy/load*.c | cut -d '"' -f 2 | words)
same 'bulla-policy.yaml.5: every key' "$keys" "$(grep -oE '(^\.It )?Cm [a-zA-Z-]+(( , [a-zA-Z-]+)* )?' "$root/docs/man/bulla-policy.yaml.5" |
    sed 's/.*Cm //' | tr -d , | words | grep -xF "$keys")"
same 'docs/policy.md: every key' "$keys" "$(sed -n '/^## All keys/,$p' "$root/docs/policy.md" | grep '^|' | grep -oE '`[a-zA-Z-]+`' |
    tr -d '`' | words | grep -xF "$keys")"

# Whole policies and cases stand in docs/policy.md as "```yaml policy FILE" and "```yaml cases FILE": they load and pass, as of a day on
# which no exemption in them has run out.
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
awk -v dir="$T" '/^```$/ { file = "" } file { print > file } /^```yaml (policy|cases) / { file = dir "/" $3 ".part"; print $2, $3 > (dir "/list") }' \
    "$root/docs/policy.md"
for part in "$T"/*.part; do
    mv "$part" "${part%.part}"
done
for name in $(grep -ohE '[a-z0-9-]+\.pub' "$T"/*.yaml | sort -u); do
    COSIGN_PASSWORD=x "$bin/sign" generate-key-pair --output-key-prefix "$T/${name%.pub}" >"$T/log" 2>&1 || cat "$T/log"
done
while read -r kind file; do
    case $kind in
    policy) output=$("$bin/verify" policy lint "$T/$file" --at 2026-11-24T00:00:00Z 2>&1) ;;
    cases) output=$("$bin/verify" policy test "$T/$file" 2>&1) ;;
    esac && output=fine
    same "docs/policy.md: $file" fine "${output//$'\n'/; }"
done <"$T/list"

# Relative links of the documents, without anchors.
links=$(cd "$root" && grep -oE '\]\([^):#]+' README.md CONTRIBUTING.md SECURITY.md docs/*.md | sed 's/:\](/ /')
same 'links lead to files' none "$(
    while read -r file link; do
        [ -e "$root/$(dirname "$file")/$link" ] || echo "$file:$link"
    done <<<"$links" | grep . || echo none
)"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
