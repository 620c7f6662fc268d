#compdef sign
# SPDX-License-Identifier: Apache-2.0

_sign()
{
    local -a key password registry build help commands
    help=('(-h --help)'{-h,--help}'[print help]')
    key=('(-k --key)'{-k+,--key=}'[private key]:key:_files')
    password=(
        '--password-file=[file with the password]:file:_files'
        '--password-fd=[or a file descriptor]:file descriptor:'
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
    build=(
        '--from=[build environment]:system:(github gitlab flags)'
        '--builder-id=[who built the image]:URI:'
        '--build-type=[how to read the parameters]:URI:'
        '*--parameter=[parameter that the user chose]:NAME=VALUE:'
        '--parameters-file=[JSON object of parameters]:file:_files'
        '--source=[repository of the source]:URI:'
        '--source-commit=[its commit]:commit:'
        '--source-ref=[its branch or tag]:ref:'
        '--base-image=[image that it is built on]:IMAGE@DIGEST:'
        '*--dependency=[another dependency]:URI@ALGORITHM\:HEX:'
        '--invocation-id=[name of the run]:name:'
        '--started=[when the build began]:time:'
        '--finished=[when it ended]:time:'
    )
    commands=(
        'attest:attest what is known of images'
        'provenance:print SLSA provenance made from the build environment'
        'blob:sign a file'
        'generate-key-pair:make a key pair'
        'import-key-pair:take in a key made elsewhere'
        'public-key:print the public half of a key'
        'attach:hang a signature or bundle made elsewhere on an image'
        'copy:copy an image with everything that hangs on it'
        'help:tell about a command'
    )

    if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then
        _describe 'command' commands
        compadd -S '' oci:
        return
    fi
    case $words[2] in
    (attest)
        shift words; ((CURRENT--))
        _arguments -s $help $key $password $build $registry \
            '--predicate=[predicate, SBOM or scanner report]:file:_files' \
            '--statement=[a whole in-toto statement]:file:_files' \
            '--provenance-from-env[provenance made from the build environment]' \
            '--type=[type of the predicate]:type:(custom slsaprovenance slsaprovenance1 spdx spdxjson cyclonedx link vuln openvex)' \
            '--scan-started=[when the scan began]:time:' \
            '--scan-finished=[when it ended]:time:' \
            '--format=[how the attestation is stored]:format:(bundle legacy bundle,legacy)' \
            '--replace[take away older statements of this type]' \
            '(-r --recursive)'{-r,--recursive}'[attest every manifest too]' \
            '--require-digest[refuse images named by tag]' \
            '--upload=-[store the attestation]::choice:(true false)' \
            '--bundle=[write the Sigstore bundle]:file:_files' \
            '--max-statement-size=[largest bundle or envelope]:size:' \
            '*:image:'
        ;;
    (provenance)
        shift words; ((CURRENT--))
        _arguments -s $help $build $registry \
            '--output=[write the predicate there]:file:_files' \
            ':image:'
        ;;
    (blob)
        shift words; ((CURRENT--))
        _arguments -s $help $key $password \
            '--bundle=[write the Sigstore bundle]:file:_files' \
            '--output-signature=[write the signature]:file:_files' \
            ':file:_files'
        ;;
    (generate-key-pair)
        shift words; ((CURRENT--))
        _arguments -s $help $password \
            '--algorithm=[kind of key]:algorithm:(ecdsa-p256 ecdsa-p384 ed25519 rsa-2048 rsa-3072 rsa-4096)' \
            '(-o --output-key-prefix)'{-o+,--output-key-prefix=}'[names of the files]:prefix:_files' \
            '--force[replace an existing key]'
        ;;
    (import-key-pair)
        shift words; ((CURRENT--))
        _arguments -s $help $key $password \
            '--old-password-file=[password of the key as it comes]:file:_files' \
            '(-o --output-key-prefix)'{-o+,--output-key-prefix=}'[names of the files]:prefix:_files' \
            '--force[replace an existing key]'
        ;;
    (public-key)
        shift words; ((CURRENT--))
        _arguments -s $help $key $password \
            '--outfile=[write there]:file:_files'
        ;;
    (attach)
        shift words; ((CURRENT--))
        _arguments -s $help $registry \
            '--signature=[the signature, base64]:file:_files' \
            '--payload=[the payload that was signed]:file:_files' \
            '1:what:(signature bundle)' ':image:' ':file:_files'
        ;;
    (copy)
        shift words; ((CURRENT--))
        _arguments -s $help $registry ':source:' ':destination:'
        ;;
    (help)
        shift words; ((CURRENT--))
        _describe 'command' commands
        ;;
    (*)
        _arguments -s $help $key $password $registry \
            '--format=[how the signature is stored]:format:(bundle legacy bundle,legacy)' \
            '*'{-a+,--annotations=}'[claim to sign]:NAME=VALUE:' \
            '(-r --recursive)'{-r,--recursive}'[sign every manifest too]' \
            '--require-digest[refuse images named by tag]' \
            '--upload=-[store the signature]::choice:(true false)' \
            '--output-signature=[write the signature]:file:_files' \
            '--output-payload=[write what was signed]:file:_files' \
            '--bundle=[write the Sigstore bundle]:file:_files' \
            '--sign-container-identity=[repository to claim]:name:' \
            '--version[print the version]' \
            '*:image:'
        ;;
    esac
}

_sign "$@"
