#compdef webhook
# SPDX-License-Identifier: Apache-2.0

_webhook()
{
    local -a files help commands
    help=('(-h --help)'{-h,--help}'[print help]')
    files=(
        '--policy=[policy that judges]:file:_files'
        '--registries=[how registries are reached]:file:_files'
        '*--authfile=[Docker credentials, or a folder of them]:file:_files'
        '--tls-cert=[certificate to serve with]:file:_files'
        '--tls-key=[its key]:file:_files'
        '--client-ca=[authorities of callers]:file:_files'
        '*--client-name=[name of a caller]:name:'
        '--token-file=[bearer token of callers]:file:_files'
        '--max-statement-size=[largest attestation]:size:'
        '--lookup-timeout=[time for looking up one image]:time:'
        '--pull-secrets[use what imagePullSecrets of Pods name]'
        '--kube-api=[where the API is]:URL:'
        '--kube-folder=[service account to ask it with]:folder:_files -/'
        '--log-format=[form of log lines]:format:(json text)'
        '(-d --verbose)'{-d,--verbose}'[log every request to registries]'
        '(-q --quiet)'{-q,--quiet}'[log errors only]'
    )
    commands=(
        'doctor:check what would be served with'
        'help:tell about a command'
    )

    if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then
        _describe 'command' commands
        return
    fi
    case $words[2] in
    (doctor)
        shift words; ((CURRENT--))
        _arguments -s $help $files \
            '--service=[what the certificate must name]:NAME.NAMESPACE.svc:' \
            '*--config=[webhook configurations]:file:_files'
        ;;
    (help)
        shift words; ((CURRENT--))
        _describe 'command' commands
        ;;
    (*)
        _arguments -s $help $files \
            '--version[print the version]' \
            '--listen=[where reviews are answered]:address:' \
            '--metrics-listen=[where metrics are]:address:' \
            '*--custom-kind=[where a kind names images]:KIND.GROUP=POINTER:' \
            '*--ignore-kind=[a kind whose containers are not run]:KIND.GROUP:' \
            '--workers=[look-ups at once]:number:' \
            '--queue=[look-ups that may wait]:number:' \
            '--cache=[memory of kept look-ups]:size:' \
            '--memory=[memory of requests at once]:size:' \
            '--connections=[open connections at most]:number:' \
            '--drain=[time to answer what has begun]:time:' \
            '--drain-delay=[time before that]:time:'
        ;;
    esac
}

_webhook "$@"
