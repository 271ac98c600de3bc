#!/bin/sh
# Builds the compiled modules with AddressSanitizer and UndefinedBehaviorSanitizer, apart from src/,
# and runs under them the tests that reach every line of them, with all that the fuzzers have kept.
# Any report ends the tests. Arguments go to pytest; without, the files below.
set -eu

cd "$(dirname "$0")/.."
python=$PWD/.venv/bin/python
folder=$PWD/build/sanitized
compiler=${CC:-gcc}
runtime=$("$compiler" -print-file-name=libasan.so)
case $runtime in
    /*) ;;
    *) echo "$compiler has no libasan.so (on Debian or Ubuntu: apt-get install libgcc-dev)" >&2; exit 1 ;;
esac
test $# -gt 0 || set -- tests/test_parse.py tests/test_lane.py tests/test_rules.py \
    tests/test_variants.py tests/test_protocol.py tests/test_listener.py tests/test_fuzz.py

echo "building the compiled modules with sanitizers into ${folder#"$PWD"/}"
rm -rf "$folder"
mkdir -p "$folder/source"
cp -R pyproject.toml README.md LICENSE src "$folder/source"
rm -f "$folder"/source/src/fastext/*.so "$folder"/source/src/fastext/*.c
flags="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g"
CC=$compiler CFLAGS=$flags LDFLAGS=$flags "$python" -m pip install -qq \
    --disable-pip-version-check --no-deps --target "$folder/site" "$folder/source"

# Every object of Python gets memory of its own, whose ends AddressSanitizer knows. What CPython
# never frees is not our leak.
export PYTHONPATH="$folder/site" PYTHONMALLOC=malloc
export ASAN_OPTIONS="detect_leaks=0:abort_on_error=1:detect_stack_use_after_return=1"
export UBSAN_OPTIONS="print_stacktrace=1"
LD_PRELOAD=$runtime "$python" - "$folder/site" << 'PYTHON'
import sys

from fastext import _lane, _parse, rules

for module in (_lane, _parse, rules):
    assert module.__file__.startswith(sys.argv[1]), module.__file__
    with open(module.__file__, "rb") as file:
        code = file.read()
    assert b"__asan_report_load" in code and b"__ubsan_handle" in code, module.__file__
PYTHON
echo "running the tests under the sanitizers"
# -s, because pytest would keep a report for itself that ends it.
LD_PRELOAD=$runtime exec "$python" -m pytest -q -s -p no:cacheprovider "$@"
