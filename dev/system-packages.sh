#!/bin/sh
# Installs the system packages that some tests drive, where that is possible; the tests that miss
# one are skipped, and say so. Arguments: package:program.
set -eu

PATH=$PATH:/usr/sbin  # where some of them are, and not everybody looks
wanted=""
for pair in "$@"; do
    command -v "${pair#*:}" > /dev/null || wanted="$wanted ${pair%%:*}"
done
test -n "$wanted" || exit 0
if test "$(id -u)" = 0 && command -v apt-get > /dev/null; then
    echo "installing system packages for the tests:$wanted"
    # shellcheck disable=SC2086
    apt-get install --quiet --quiet --yes --no-install-recommends $wanted > /dev/null 2>&1 \
        || { apt-get update --quiet --quiet > /dev/null 2>&1 \
             && apt-get install --quiet --quiet --yes --no-install-recommends $wanted > /dev/null; } \
        || echo "SKIPPED: apt-get could not install$wanted; tests that need them are skipped"
else
    echo "SKIPPED: not root or no apt-get; tests that need$wanted are skipped"
fi
