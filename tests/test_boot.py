"""The file that a launcher runs."""

import sys
from pathlib import Path

from program import Program

import fastext

BOOT = Path(fastext.__file__).with_name("boot.py")


def test_the_file_itself_is_a_program_for_a_bare_interpreter(appconfig, lambda_api):
    variables = {"AWS_LAMBDA_RUNTIME_API": lambda_api.address, "AWS_ENDPOINT_URL": appconfig.url}
    program = Program([], variables, [sys.executable, "-I", "-S", BOOT])
    try:
        assert lambda_api.wait_registered().name == "boot.py"
        if sys.prefix == sys.base_prefix:
            lambda_api.wait_next(1)
    finally:
        program.process.kill()
        program.process.wait()


def test_it_is_short_because_it_is_compiled_at_every_start():
    assert len(BOOT.read_text().splitlines()) < 20
