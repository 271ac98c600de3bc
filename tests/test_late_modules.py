"""Modules that wait until they are needed, in fresh processes."""

import functools
import inspect
import os
import subprocess
import sys

import pytest

from fastext.late_modules import LateInspect


def output_of(script, **variables):
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=variables
    )
    return done.stdout.split()


EXTENSION = """
import sys
from fastext.late_modules import late_modules
with late_modules("inspect", "subprocess", "traceback"):
    import fastext.extension
import asyncio, signal, uvloop
loop = uvloop.new_event_loop()
loop.add_signal_handler(signal.SIGTERM, asyncio.Event().set)
print(*[name for name in ("inspect", "subprocess", "traceback") if name in sys.modules])
async def coroutine(): pass
def function(): pass
class Both:
    async def coroutine(self): pass
    def function(self): pass
print(*map(asyncio.iscoroutinefunction, (coroutine, Both().coroutine)))
print(*map(asyncio.iscoroutinefunction, (function, Both().function, print, Both, 1)))
async def awaits():
    class Awaitable:
        def __await__(self):
            yield from asyncio.sleep(0).__await__()
            return "awaited"
    return await asyncio.ensure_future(Awaitable())
print(loop.run_until_complete(awaits()))
async def said(*command):
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    return (await process.communicate())[0].decode().strip()
print(loop.run_until_complete(said("echo", "said")))
def fails():
    raise ValueError("foreseen")
import io, logging
logged = io.StringIO()
logging.basicConfig(stream=logged)
loop.call_soon(fails)  # whose traceback asyncio's own handler logs
loop.run_until_complete(asyncio.sleep(0.001))
print("Traceback" in logged.getvalue() and "ValueError: foreseen" in logged.getvalue())
print(asyncio.subprocess.DEVNULL == asyncio.base_events.subprocess.DEVNULL == -3)
import inspect
print(inspect.__file__ is not None, asyncio.coroutines.inspect.isfunction(awaits))
"""


def test_an_extension_starts_without_them_and_whoever_needs_them_has_them():
    assert output_of(EXTENSION) == [
        "True", "True", "False", "False", "False", "False", "False", "awaited", "said", "True",
        "True",        "True", "True",
    ]  # fmt: skip


def test_parameters_are_told_as_inspect_tells_them():
    real = inspect.getfullargspec
    late = LateInspect("inspect").getfullargspec

    def none():
        return None

    def many(a, b=1, /, c=2, *rest, d, e=3, **others):
        return a, b, c, rest, d, e, others

    def keywords(*, d: int, **others: str) -> None:
        del d, others

    class Holder:
        def method(self, a, *rest):
            return self, a, rest

    for value in (none, many, keywords, Holder().method, Holder.method, functools.partial(many, 1)):
        spec = real(value)
        assert late(value)[:3] == tuple(spec)[:3]
        assert late(value)[4] == spec.kwonlyargs
    assert late(many)[3] == real(many).defaults
    assert late(many)[5] == real(many).kwonlydefaults


def test_annotations_are_told_as_inspect_tells_them():
    class Base:
        a: int = 1

    class Derived(Base):
        b: "str"

    class Plain(Base):
        pass

    late = LateInspect("inspect").get_annotations
    for value in (Base, Derived, Plain, late):
        assert late(value) == inspect.get_annotations(value)
    assert late(Derived, eval_str=True) == {"b": str}


BOTOCORE = """
import os, sys
from fastext.stand_ins import SELDOM_USED, stand_ins
with stand_ins():
    import fastext.client
print(*[name for name in SELDOM_USED if name in sys.modules])
import botocore.configloader, botocore.credentials, botocore.utils
print(botocore.utils.parse_timestamp("2026-01-02T03:04:05Z").isoformat())
print(botocore.utils.parse_timestamp(0).isoformat())
print(botocore.credentials._local_now().tzinfo is not None)
print(botocore.configloader.load_config(os.environ["CONFIG"])["profiles"]["one"]["region"])
profile = {"profiles": {"default": {"credential_process": os.environ["PROCESS"]}}}
process = botocore.credentials.ProcessProvider("default", lambda: profile)
print(process.load().access_key)
print(botocore.utils.get_environ_proxies("https://host.example"))
"""


@pytest.fixture
def config(tmp_path):
    """The variables of a configuration file, and of a command that gives credentials."""
    path, credentials = tmp_path / "config", tmp_path / "credentials"
    path.write_text("[profile one]\nregion = eu-west-1\n")
    credentials.write_text('{"Version":1,"AccessKeyId":"AKIAPROCESS","SecretAccessKey":"s"}')
    return {"CONFIG": str(path), "PROCESS": f"cat {credentials}", "PATH": os.environ["PATH"]}


def test_botocore_works_with_what_it_seldom_uses(config):
    assert output_of(BOTOCORE, **config) == [
        "2026-01-02T03:04:05+00:00", "1970-01-01T00:00:00+00:00", "True", "eu-west-1",
        "AKIAPROCESS", "{}",
    ]  # fmt: skip


def test_proxies_of_the_environment_are_found(config):
    given = {"https_proxy": "http://proxy.example:3128", **config}
    assert "'http://proxy.example:3128'}" in output_of(BOTOCORE, **given)
    assert output_of(BOTOCORE, **given, no_proxy="host.example")[-1] == "{}"
