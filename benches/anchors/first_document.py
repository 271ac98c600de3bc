"""The ways to a first document in a new process, as a function written in Python goes them.

Each is a program: `programs(...)` gives its text. It writes one line, the nanoseconds of the
monotonic clock when it has the document and its resident set in KB, and then the document.
"""

REPORT = """
import sys, time
got = time.monotonic_ns()
memory = next(line for line in open("/proc/self/status") if line.startswith("VmRSS"))
sys.stdout.buffer.write(b"%d %d\\n%b" % (got, int(memory.split()[1]), content))
"""

URLLIB = """
import urllib.request
content = urllib.request.urlopen({url!r}).read()
"""

HTTP_CLIENT = """
import http.client
connection = http.client.HTTPConnection("localhost", {port})
connection.request("GET", {target!r})
content = connection.getresponse().read()
"""

BOTO3 = """
import boto3
client = boto3.client("appconfigdata")
token = client.start_configuration_session(
    ApplicationIdentifier={application!r}, EnvironmentIdentifier={environment!r},
    ConfigurationProfileIdentifier={configuration!r},
)["InitialConfigurationToken"]
content = client.get_latest_configuration(ConfigurationToken=token)["Configuration"].read()
"""

POWERTOOLS = """
from aws_lambda_powertools.utilities.parameters import AppConfigProvider
provider = AppConfigProvider(environment={environment!r}, application={application!r})
content = provider.get({configuration!r})
content = content.encode() if isinstance(content, str) else content
"""


def programs(
    port: int, target: str, application: str, environment: str, configuration: str
) -> dict[str, str]:
    """Program texts by name; fastext listens on `port`."""
    facts = {
        "url": f"http://localhost:{port}{target}", "port": port, "target": target,
        "application": application, "environment": environment, "configuration": configuration,
    }  # fmt: skip
    ways = {
        "fastext by urllib": URLLIB,
        "fastext by http.client": HTTP_CLIENT,
        "boto3 in the function": BOTO3,
        "Powertools in the function": POWERTOOLS,
    }
    return {name: text.format(**facts) + REPORT for name, text in ways.items()}
