#!/bin/sh
# Builds the Lambda layer for both architectures; ./build_layer.sh --help says more. What it does
# is in the Python package layer/, this only sees to it that the tools are there.
set -eu
cd "$(dirname "$0")"

missing() {
    echo "build_layer.sh: $1 is missing; on Debian or Ubuntu: apt-get install $2" >&2
    exit 1
}

python="${PYTHON:-python3}"
command -v "$python" > /dev/null || missing "$python" python3
command -v apt-get > /dev/null || missing apt-get "(this needs a Debian or Ubuntu machine)"
command -v dpkg-deb > /dev/null || missing dpkg-deb dpkg
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
    || { echo "build_layer.sh: Python 3.11 or newer is needed, $python is older" >&2; exit 1; }
"$python" -m pip --version > /dev/null 2>&1 || missing "pip for $python" python3-pip
PYTHONPATH=. exec "$python" -B -m layer "$@"
