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
    local by='--policy --annotations -a --namespace -n --strict --max-workers'

    printf '%s\n' --help -h
    case $1 in
    '') printf '%s\n' $judging $by $registry ;;
    manifests) printf '%s\n' --custom-kind --ignore-kind $judging $by $registry ;;
    audit)
        printf '%s\n' --file -f --repository --registry --tag-pattern --output-file --resume \
            $judging $by $registry
        ;;
    attestation)
        printf '%s\n' $judging --policy --namespace -n --strict --type --check \
            --max-statement-size $registry
        ;;
    'policy lint') printf '%s\n' --at --output -o ;;
    'policy explain') printf '%s\n' --policy --namespace -n --strict $registry ;;
    'policy test') printf '%s\n' --policy --output -o ;;
    blob) printf '%s\n' $judging --bundle --signature ;;
    tree) printf '%s\n' $judging --max-statement-size $registry ;;
    download) printf '%s\n' --predicate-type --output-dir --max-statement-size $registry ;;
    esac
}

_verify()
{
    local commands='attestation blob tree download manifests audit policy'
    local at=$COMP_CWORD cur previous command='' word

    # "--name=value" and "oci:DIR" come as three words.
    cur=${COMP_WORDS[at]}
    [[ $cur == [=:] ]] && cur='' || at=$((at - 1))
    previous=${COMP_WORDS[at]}
    [[ $previous == '=' ]] && previous=${COMP_WORDS[at - 1]}
    for word in $commands; do
        [[ $COMP_CWORD -gt 1 && ${COMP_WORDS[1]} == "$word" ]] && command=$word
    done

    [[ $command == policy && $COMP_CWORD -gt 2 ]] && command="policy ${COMP_WORDS[2]}"

    COMPREPLY=()
    case $previous in
    --output | -o)
        word='text json sarif'
        case $command in
        attestation) word='json statement' ;;
        blob | tree | policy*) word='text json' ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$word" -- "$cur")
        ;;
    --log-format) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$cur") ;;
    --type | --predicate-type)
        mapfile -t COMPREPLY < <(compgen -W 'custom slsaprovenance slsaprovenance1 spdx spdxjson
            cyclonedx link vuln openvex' -- "$cur")
        ;;
    --policy | --resume | --key | -k | --registries | --authfile | --bundle | --signature | -f | \
        *-file | *-cacert | *-client-cert | *-client-key)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        ;;
    --annotations | -a | --at | --check | --custom-kind | --ignore-kind | --max-statement-size | \
        --max-workers | --namespace | -n | --registry | --registry-username | --repository | \
        --tag-pattern | --timeout | -t) ;;
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
        elif [[ $command == policy ]]; then
            mapfile -t COMPREPLY < <(compgen -W 'lint explain test help' -- "$cur")
        elif [[ $command == blob || $command == manifests || $command == 'policy lint' ||
            $command == 'policy test' ]]; then
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        fi
        ;;
    esac
}

complete -F _verify verify
