#!/bin/bash
# What a large statement costs: an SBOM of 60 MB, attested and verified in both layouts, beside cosign 3, in one run on one loopback
# docker-registry. Peak memory is printed as a multiple of the SBOM's size.
#
#   tests/bench/statement.sh [MEGABYTES [RUNS]]      60 and 3 when not given
# shellcheck source-path=SCRIPTDIR source=../integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"

size=${1:-60}
runs=${2:-3}
"$here/counterparts.sh"
"${CC:-gcc}" -O2 -o "$T/launch" "$root/tests/bench/launch.c"
start_registry bench plain
quietly "$sign" generate-key-pair --output-key-prefix "$T/key"
python3 - "$size" >"$T/sbom.json" <<'END'
import sys
size = int(sys.argv[1]) * 1000 * 1000
print('{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"large",'
      '"documentNamespace":"https://sbom.example/large","creationInfo":{"created":"2026-11-01T00:00:00Z","creators":["Tool: bench-1"]},"packages":[')
done, n = 300, 0
while done < size - 300:
    line = ('%s{"SPDXID":"SPDXRef-Package-%d","name":"package-%d","versionInfo":"1.%d.0","downloadLocation":"NOASSERTION",'
            '"licenseConcluded":"Apache-2.0","supplier":"Organization: Made up"}') % ("," if n else "", n, n, n)
    print(line)
    done += len(line) + 1
    n += 1
print("]}")
END
bytes=$(stat -c %s "$T/sbom.json")
echo "SBOM: $bytes bytes"

# measure NAME CMD...: one run, its figures to $T/figures.
measure()
{
    local name=$1
    shift
    "$T/launch" "$T/result" "$@" >"$T/stdout" 2>"$T/stderr" </dev/null || true
    read -r wall cpu memory code <"$T/result"
    [ "$code" -eq 0 ] || { echo "failed: $*" >&2; tail -n 3 "$T/stderr" >&2; exit 1; }
    printf '%s\t%s\t%s\t%s\n' "$name" "$cpu" "$wall" "$memory" >>"$T/figures"
}

export COSIGN_MAX_ATTACHMENT_SIZE=1GiB
for run in $(seq "$runs"); do
    for layout in bundle legacy; do
        new=$([ "$layout" = bundle ] && echo true || echo false)
        image "$layout-$run" "$registry/ours/$layout-$run"
        measure "attest, $layout" "$sign" attest "$ref" --key "$T/key.key" --type spdxjson --predicate "$T/sbom.json" --format "$layout" --allow-http-registry
        measure "verify, $layout" "$verify" attestation "$ref" --key "$T/key.pub" --type spdxjson --allow-http-registry
        theirs=$registry/cosign3/$layout-$run
        push "$layout-$run" "$theirs:v1"
        theirs=$theirs@$digest
        measure "cosign 3: attest, $layout" cosign3 attest --tlog-upload=false --use-signing-config=false --new-bundle-format="$new" --allow-http-registry -y \
            --key "$T/key.key" --type spdxjson --predicate "$T/sbom.json" "$theirs"
        measure "cosign 3: verify, $layout" cosign3 verify-attestation --insecure-ignore-tlog=true --allow-http-registry --new-bundle-format="$new" \
            --key "$T/key.pub" --type spdxjson "$theirs"
    done
done

python3 - "$bytes" "$T/figures" <<'END'
import collections
import statistics
import sys
size = int(sys.argv[1])
rows = collections.OrderedDict()
for line in open(sys.argv[2]):
    name, *figures = line.rstrip("\n").split("\t")
    rows.setdefault(name, []).append([int(figure) for figure in figures])
print("%-28s %9s %9s %9s %9s" % ("medians", "CPU ms", "wall ms", "peak MB", "of size"))
medians = {name: [statistics.median(column) for column in zip(*runs)] for name, runs in rows.items()}
for name, (cpu, wall, memory) in medians.items():
    print("%-28s %9.0f %9.0f %9.0f %9.2f" % (name, cpu / 1000, wall / 1000, memory * 1.024 / 1000, memory * 1024 / size))
for name in [name for name in medians if not name.startswith("cosign")]:
    ours, theirs = medians[name], medians["cosign 3: " + name]
    print("%s: memory %.2f times the SBOM (aim: under 3), %.2f of cosign 3's; CPU %.2f of cosign 3's" %
          (name, ours[2] * 1024 / size, ours[2] / theirs[2], ours[0] / theirs[0]))
END
