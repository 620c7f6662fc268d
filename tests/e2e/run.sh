#!/bin/bash
# Runs the end-to-end tests: run.sh [FILTER] runs those t_*.sh whose name contains FILTER. Ends with 'N passed, N failed'.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
"$here/control-plane.sh"
TESTS=$here exec "$here/../integration/run.sh" "$@"
