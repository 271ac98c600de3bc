#!/bin/sh
# Says in one line each what is missing for building and testing on Debian or Ubuntu.
set -eu

python=${PYTHON:-python3}
missing=0

lacks() {
    echo "missing: $1 (on Debian or Ubuntu: apt-get install $2)" >&2
    missing=1
}

if ! "$python" -c '' 2> /dev/null; then
    lacks "$python" python3
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    lacks "Python 3.11 or later; $python is $("$python" -V 2>&1), choose another by PYTHON=" python3
else
    package=$(basename "$python")
    "$python" -c 'import ensurepip, venv; ensurepip.version()' 2> /dev/null \
        || lacks "Python's venv module" "$package-venv"
    "$python" -c '
import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))
' || lacks "Python's C headers" "$package-dev"
    # The compiler that setuptools calls is the one that this Python was built with.
    compiler=${CC:-$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("CC") or "cc")')}
    # shellcheck disable=SC2086  # it may carry options
    printf '#include <stdlib.h>\n' | ${compiler} -E -x c - > /dev/null 2>&1 \
        || lacks "a C compiler that works as ${compiler%% *}" "gcc libc6-dev"
fi
exit "$missing"
