# bash completion for webhook                                     -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0

# Options of the command, of which "" is `webhook` itself.
_webhook_options()
{
    local files='--policy --registries --authfile --tls-cert --tls-key --client-ca --client-name
        --token-file --max-statement-size --lookup-timeout --pull-secrets --kube-api --kube-folder
        --log-format --verbose -d --quiet -q'

    printf '%s\n' --help -h
    case $1 in
    '')
        printf '%s\n' $files --listen --metrics-listen --custom-kind --ignore-kind --workers \
            --queue --cache --memory --connections --drain --drain-delay
        ;;
    doctor) printf '%s\n' --service --config $files ;;
    esac
}

_webhook()
{
    local at=$COMP_CWORD cur previous command='' word

    # "--name=value" comes as three words.
    cur=${COMP_WORDS[at]}
    [[ $cur == [=:] ]] && cur='' || at=$((at - 1))
    previous=${COMP_WORDS[at]}
    [[ $previous == '=' ]] && previous=${COMP_WORDS[at - 1]}
    [[ $COMP_CWORD -gt 1 && ${COMP_WORDS[1]} == doctor ]] && command=doctor

    COMPREPLY=()
    case $previous in
    --log-format) mapfile -t COMPREPLY < <(compgen -W 'json text' -- "$cur") ;;
    --policy | --registries | --authfile | --tls-cert | --tls-key | --client-ca | --token-file | \
        --config)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        ;;
    --kube-folder)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        ;;
    --client-name | --max-statement-size | --lookup-timeout | --listen | --metrics-listen | \
        --custom-kind | --ignore-kind | --workers | --queue | --cache | --memory | \
        --connections | --drain | --drain-delay | --service | --kube-api) ;;
    help) mapfile -t COMPREPLY < <(compgen -W doctor -- "$cur") ;;
    *)
        if [[ $cur == -* ]]; then
            word=$(_webhook_options "$command")
            [[ $COMP_CWORD -eq 1 ]] && word="$word --version"
            mapfile -t COMPREPLY < <(compgen -W "$word" -- "$cur")
        elif [[ $COMP_CWORD -eq 1 ]]; then
            mapfile -t COMPREPLY < <(compgen -W 'doctor help' -- "$cur")
        fi
        ;;
    esac
}

complete -F _webhook webhook
