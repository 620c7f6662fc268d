# bash completion for sign                                        -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0

# Options of the command, of which "" is `sign IMAGE...`.
_sign_options()
{
    local registry='--registries --allow-http-registry --allow-insecure-registry
        --registry-username --registry-password-stdin --registry-password-file
        --registry-token-file --authfile --registry-cacert --registry-client-cert
        --registry-client-key --timeout -t --log-format --verbose -d --quiet -q'
    local password='--password-file --password-fd'
    local build='--from --builder-id --build-type --parameter --parameters-file --source
        --source-commit --source-ref --base-image --dependency --invocation-id --started --finished'

    printf '%s\n' --help -h
    case $1 in
    '')
        printf '%s\n' --key -k $password --format --annotations -a --recursive -r \
            --require-digest --upload --output-signature --output-payload --bundle \
            --sign-container-identity $registry
        ;;
    attest)
        printf '%s\n' --key -k $password --predicate --statement --provenance-from-env --type \
            --scan-started --scan-finished --format --replace --recursive -r --require-digest \
            --upload --bundle --max-statement-size $build $registry
        ;;
    provenance) printf '%s\n' --output $build $registry ;;
    blob) printf '%s\n' --key -k --bundle --output-signature $password ;;
    generate-key-pair) printf '%s\n' --algorithm --output-key-prefix -o $password --force ;;
    import-key-pair) printf '%s\n' --key -k --old-password-file --output-key-prefix -o $password --force ;;
    public-key) printf '%s\n' --key -k --outfile $password ;;
    attach) printf '%s\n' --signature --payload $registry ;;
    copy) printf '%s\n' $registry ;;
    esac
}

_sign()
{
    local commands='attest provenance blob generate-key-pair import-key-pair public-key attach copy'
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
    --format) mapfile -t COMPREPLY < <(compgen -W 'bundle legacy bundle,legacy' -- "$cur") ;;
    --type)
        mapfile -t COMPREPLY < <(compgen -W 'custom slsaprovenance slsaprovenance1 spdx spdxjson
            cyclonedx link vuln openvex' -- "$cur")
        ;;
    --from) mapfile -t COMPREPLY < <(compgen -W 'github gitlab flags' -- "$cur") ;;
    --log-format) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$cur") ;;
    --upload) mapfile -t COMPREPLY < <(compgen -W 'true false' -- "$cur") ;;
    --algorithm)
        mapfile -t COMPREPLY < <(compgen -W 'ecdsa-p256 ecdsa-p384 ed25519 rsa-2048 rsa-3072
            rsa-4096' -- "$cur")
        ;;
    --key | -k | --registries | --authfile | --bundle | --output-signature | --output-payload | \
        --output | --predicate | --statement | --outfile | --output-key-prefix | -o | --signature | \
        --payload | *-file | *-cacert | *-client-cert | *-client-key)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        ;;
    --annotations | -a | --password-fd | --sign-container-identity | --registry-username | \
        --timeout | -t | --max-statement-size | --scan-started | --scan-finished | --builder-id | \
        --build-type | --parameter | --source | --source-commit | --source-ref | --base-image | \
        --dependency | --invocation-id | --started | --finished) ;;
    help) mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur") ;;
    :)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        ;;
    *)
        if [[ $cur == -* ]]; then
            word=$(_sign_options "$command")
            [[ $COMP_CWORD -eq 1 ]] && word="$word --version"
            mapfile -t COMPREPLY < <(compgen -W "$word" -- "$cur")
        elif [[ $COMP_CWORD -eq 1 ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$commands help oci:" -- "$cur")
        elif [[ $command == attach && $COMP_CWORD -eq 2 ]]; then
            mapfile -t COMPREPLY < <(compgen -W 'signature bundle' -- "$cur")
        elif [[ $command == blob || $command == attach ]]; then
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        fi
        ;;
    esac
}

complete -F _sign sign
