#!/bin/sh
# Brings AWS's Runtime Interface Emulator to .cache/: its static binaries lie in the wheel of the
# SAM command line.
set -eu

wheel_version="1.170.0"
case $(uname -m) in
    x86_64) machine=x86_64 ;;
    aarch64 | arm64) machine=arm64 ;;
    *) echo "SKIPPED: no emulator for $(uname -m); its tests are skipped"; exit 0 ;;
esac
echo "fetching AWS's Runtime Interface Emulator"
mkdir -p .cache
.venv/bin/pip download --quiet --disable-pip-version-check --no-deps --dest .cache \
    "aws-sam-cli==$wheel_version" 2> .cache/emulator.log \
    || { echo "SKIPPED: the emulator cannot be fetched, its tests are skipped:"; \
         cat .cache/emulator.log; exit 0; }
.venv/bin/python - "$machine" << 'END'
import sys, zipfile, pathlib
(wheel,) = pathlib.Path(".cache").glob("aws_sam_cli-*.whl")
binary = zipfile.ZipFile(wheel).read(f"samcli/local/rapid/aws-lambda-rie-{sys.argv[1]}")
target = pathlib.Path(".cache/aws-lambda-rie")
target.write_bytes(binary)
target.chmod(0o755)
wheel.unlink()
END
