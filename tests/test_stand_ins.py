"""botocore without what it never uses here, in fresh processes."""

import json
import subprocess
import sys

SCRIPT = """
import json, sys
from fastext.stand_ins import stand_ins
with stand_ins():
    import fastext.client
left = [name for name in ("botocore.docs", "jmespath", "importlib.metadata", "zipfile",
                          "html.parser") if name in sys.modules]
import importlib.metadata
print(json.dumps([left, importlib.metadata.version("botocore")]))
"""


def test_nothing_of_them_is_loaded_and_nothing_stays():
    answer = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True)
    left, version = json.loads(answer.stdout)
    assert left == []
    assert version


def test_what_is_loaded_already_stays_as_it_is():
    script = (
        "import jmespath\nfrom fastext.stand_ins import stand_ins\n"
        "with stand_ins():\n    import jmespath as within\nassert within is jmespath\n"
        "import sys; assert sys.modules['jmespath'].search('a', {'a': 1}) == 1"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
