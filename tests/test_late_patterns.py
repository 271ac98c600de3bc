"""Patterns that wait match what they would have matched at once."""

import re
import subprocess
import sys

SCRIPT = """
import re
from fastext.late_patterns import OF_ADDRESSES, LatePattern, late_patterns
with late_patterns():
    import urllib3.util.url as url, botocore.compat as compat, logging
late = [value for module in (url, compat) for value in vars(module).values()
        if isinstance(value, LatePattern)]
assert len(late) > 8, len(late)
assert sum(pattern.needs == ":" for pattern in late) == len(OF_ADDRESSES) == 4
assert isinstance(logging.PercentStyle.validation_pattern, re.Pattern)
assert re.compile is not None and isinstance(re.compile("a"), re.Pattern)
hosts = ["", "a", "host.example", "127.0.0.1", "::1", "[::1]", "fe80::1%eth0", "[fe80::1%25eth0]",
         "[fe80::1%eth0]", "2001:db8::8a2e:370:7334", "1:2:3:4:5:6:7:8", "[1:2]", ":", "[:]",
         "a:80", "[::1]:443", "host.example:443", "%41", "/path?query", "https://host/"]
for pattern in late:
    real = re.compile(pattern.pattern, pattern.flags)
    for host in hosts:
        for how in ("match", "search", "fullmatch"):
            found, wanted = getattr(pattern, how)(host), getattr(real, how)(host)
            assert (found and found.span()) == (wanted and wanted.span()), (real, how, host)
print(url.parse_url("https://[::1]:8443/a?b").port, url.parse_url("http://host.example/").host)
"""


def test_what_they_match_is_what_they_would_match_compiled():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.split()) == (0, ["8443", "host.example"]), done.stderr


def test_patterns_of_others_are_compiled_at_once():
    from fastext.late_patterns import late_patterns

    with late_patterns():
        assert isinstance(re.compile("a+"), re.Pattern)
