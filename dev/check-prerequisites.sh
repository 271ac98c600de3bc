#!/bin/sh
# Says in one line each what is missing for building and testing on Debian or Ubuntu.
set -eu

python=${PYTHON:-python3}
missing=0

lacks() {
    echo "missing: $1 (on Debian or Ubuntu: apt-get install $2)" >&2
    missing=1
}

if ! command -v "$python" > /dev/null; then
    lacks "$python" python3
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    lacks "Python 3.11 or later, $python is $("$python" -V 2>&1)" python3
else
    "$python" -c 'import ensurepip, venv' 2> /dev/null || lacks "Python's venv module" python3-venv
    "$python" -c '
import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))
' || lacks "Python's C headers" python3-dev
fi
command -v "${CC:-cc}" > /dev/null || command -v gcc > /dev/null || lacks "a C compiler" gcc
exit "$missing"
