#compdef verify
# SPDX-License-Identifier: Apache-2.0

_verify()
{
    local -a judging key output registry help commands
    help=('(-h --help)'{-h,--help}'[print help]')
    key=('*'{-k+,--key=}'[public key]:key:_files')
    output=('(-o --output)'{-o+,--output=}'[form of the results]:format:(text json)')
    judging=(
        '--policy=[policy that judges]:file:_files'
        '(-n --namespace)'{-n+,--namespace=}'[namespace of images that tell none]:namespace:'
        '*'{-a+,--annotations=}'[what a signature must claim]:NAME=VALUE:'
        '--strict[modes do not soften the exit status]'
        '(-o --output)'{-o+,--output=}'[form of the results]:format:(text json sarif)'
        '--max-workers=[images judged at once]:number:'
    )
    registry=(
        '--registries=[how registries are reached]:file:_files'
        '--allow-http-registry[allow plain HTTP for every registry]'
        '--allow-insecure-registry[do not check certificates]'
        '--registry-username=[user name]:name:'
        '--registry-password-stdin[read the password from standard input]'
        '--registry-password-file=[file with the password]:file:_files'
        '--registry-token-file=[file with a bearer token]:file:_files'
        '--authfile=[credentials file]:file:_files'
        '--registry-cacert=[CA certificates]:file:_files'
        '--registry-client-cert=[client certificate]:file:_files'
        '--registry-client-key=[its key]:file:_files'
        '(-t --timeout)'{-t+,--timeout=}'[time for one image]:time:'
        '--log-format=[form of log lines]:format:(text json)'
        '(-d --verbose)'{-d,--verbose}'[log every request]'
        '(-q --quiet)'{-q,--quiet}'[log errors only]'
    )
    commands=(
        'attestation:print the attestations of an image that are verified'
        'blob:verify a file'
        'tree:show what hangs on an image'
        'download:print what hangs on an image, not verified'
        'manifests:judge every image of Kubernetes manifests'
        'audit:judge the images of a list, a repository or a registry'
        'policy:lint, explain and test policy files'
        'help:tell about a command'
    )

    if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then
        _describe 'command' commands
        compadd -S '' oci:
        return
    fi
    if ((CURRENT == 3)) && [[ $words[2] == policy ]]; then
        _values 'command' 'lint[say what is wrong with a policy]' \
            'explain[show all that led to a verdict]' 'test[run cases]'
        return
    fi
    case ${words[2]/policy/policy $words[3]} in
    (attestation)
        shift words; ((CURRENT--))
        _arguments -s $help $key $registry \
            '(-o --output)'{-o+,--output=}'[form of the results]:format:(json statement)' \
            '--policy=[policy that judges]:file:_files' \
            '(-n --namespace)'{-n+,--namespace=}'[namespace of the images]:namespace:' \
            '--strict[modes do not soften the exit status]' \
            '--type=[predicate type that counts]:type:(custom slsaprovenance slsaprovenance1 spdx spdxjson cyclonedx link vuln openvex)' \
            '*--check=[what must stand in the statement]:POINTER=VALUE:' \
            '--max-statement-size=[largest bundle or envelope]:size:' \
            '*:image:'
        ;;
    (blob)
        shift words; ((CURRENT--))
        _arguments -s $help $key $output \
            '--bundle=[the Sigstore bundle]:file:_files' \
            '--signature=[or the bare signature, base64]:file:_files' \
            ':file:_files'
        ;;
    (tree)
        shift words; ((CURRENT--))
        _arguments -s $help $key $output $registry \
            '--max-statement-size=[largest bundle or envelope]:size:' \
            ':image:'
        ;;
    (download)
        shift words; ((CURRENT--))
        _arguments -s $help $registry \
            '--predicate-type=[only statements of this type]:type:(custom slsaprovenance slsaprovenance1 spdx spdxjson cyclonedx link vuln openvex)' \
            '--output-dir=[folder for the files]:folder:_files -/' \
            '--max-statement-size=[largest bundle or envelope]:size:' \
            ':kind:(attestation signature bundle)' ':image:'
        ;;
    (manifests)
        shift words; ((CURRENT--))
        _arguments -s $help $key $judging $registry \
            '*--custom-kind=[where a kind names images]:KIND.GROUP=POINTER:' \
            '*--ignore-kind=[a kind whose containers are not run]:KIND.GROUP:' \
            '*:file:_files'
        ;;
    (audit)
        shift words; ((CURRENT--))
        _arguments -s $help $key $judging $registry \
            '(-f --file)'{-f+,--file=}'[images, one in a line]:file:_files' \
            '--repository=[every tag of it]:repository:' \
            '--registry=[every tag of every repository]:host:' \
            '--tag-pattern=[only tags that match]:pattern:' \
            '--output-file=[add result lines to a file]:file:_files' \
            '--resume=[skip what it answers]:file:_files'
        ;;
    (policy\ lint)
        shift words; ((CURRENT--))
        _arguments -s $help $output '--at=[time to judge ends by]:time:' '*:file:_files'
        ;;
    (policy\ explain)
        shift words; ((CURRENT--))
        _arguments -s $help $registry \
            '--policy=[policy that judges]:file:_files' \
            '(-n --namespace)'{-n+,--namespace=}'[namespace of the image]:namespace:' \
            '--strict[modes do not soften the exit status]' \
            ':image:'
        ;;
    (policy\ test)
        shift words; ((CURRENT--))
        _arguments -s $help $output '--policy=[test this policy]:file:_files' '*:file:_files'
        ;;
    (help)
        shift words; ((CURRENT--))
        _describe 'command' commands
        ;;
    (*)
        _arguments -s $help $key $judging $registry \
            '--version[print the version]' \
            '*:image:'
        ;;
    esac
}

_verify "$@"
