# bash completion for verify                                      -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0

# Options of the command, of which "" is `verify IMAGE...`.
_verify_options()
{
    local registry='--registries --allow-http-registry --allow-insecure-registry
        --registry-username --registry-password-stdin --registry-password-file
        --registry-token-file --authfile --registry-cacert --registry-client-cert
        --registry-client-key --timeout -t --log-format --verbose -d --quiet -q'

    local judging='--key -k --output -o'

    printf '%s\n' --help -h
    case $1 in
    '') printf '%s\n' $judging --annotations -a --max-workers $registry ;;
    attestation) printf '%s\n' $judging --type --check --max-statement-size $registry ;;
    blob) printf '%s\n' $judging --bundle --signature ;;
    tree) printf '%s\n' $judging --max-statement-size $registry ;;
    download) printf '%s\n' --predicate-type --output-dir --max-statement-size $registry ;;
    esac
}

_verify()
{
    local commands='attestation blob tree download'
    local at=$COMP_CWORD cur previous command='' word

    # "--name=value" and "oci:DIR" come as three words.
    cur=${COMP_WORDS[at]}
    [[ $cur == [=:] ]] && cur='' || at=$((at - 1))
    previous=${COMP_WORDS[at]}
    [[ $previous == '=' ]] && previous=${COMP_WORDS[at - 1]}
    for word in $commands; do
        [[ $COMP_CWORD -gt 1 && ${COMP_WORDS[1]} == "$word" ]] && command=$word
    done

    COMPREPLY=()
    case $previous in
    --output | -o)
        word='text json'
        [[ $command == attestation ]] && word='json statement'
        mapfile -t COMPREPLY < <(compgen -W "$word" -- "$cur")
        ;;
    --log-format) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$cur") ;;
    --type | --predicate-type)
        mapfile -t COMPREPLY < <(compgen -W 'custom slsaprovenance slsaprovenance1 spdx spdxjson
            cyclonedx link vuln openvex' -- "$cur")
        ;;
    --key | -k | --registries | --authfile | --bundle | --signature | *-file | *-cacert | \
        *-client-cert | *-client-key)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        ;;
    --annotations | -a | --check | --max-statement-size | --max-workers | --registry-username | \
        --timeout | -t) ;;
    help) mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur") ;;
    :)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        ;;
    *)
        if [[ $cur == -* ]]; then
            word=$(_verify_options "$command")
            [[ $COMP_CWORD -eq 1 ]] && word="$word --version"
            mapfile -t COMPREPLY < <(compgen -W "$word" -- "$cur")
        elif [[ $COMP_CWORD -eq 1 ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$commands help oci:" -- "$cur")
        elif [[ $command == blob ]]; then
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        fi
        ;;
    esac
}

complete -F _verify verify
