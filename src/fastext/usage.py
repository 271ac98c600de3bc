"""The text of `fastext --help`, made from the table of variables."""

from fastext import __version__
from fastext.settings import VARIABLES

_HEAD = """\
fastext {version}: a drop-in, open replacement of the AWS AppConfig Agent Lambda extension

usage: fastext [--help | --version]
       fastext explain DOCUMENT --flag NAME [--context KEY=VALUE ...]   why a context gets what
       fastext split DOCUMENT --flag NAME --key KEY --count N           who gets what, as a chart
       fastext lint FILE                                                every fault of a document
       fastext snapshot APP:ENV:PROFILE ... --directory DIR             for a start without AWS

Serves GET http://localhost:2772/applications/A/environments/E/configurations/C[?flag=x&flag=y]
from a local cache that it keeps fresh from AWS AppConfig. With AWS_LAMBDA_RUNTIME_API set, as
inside Lambda, it is a Lambda extension; without it, a standalone agent.

Variables (outside Lambda also without AWS_APPCONFIG_EXTENSION_; in brackets where that name
differs):
"""


def text() -> str:
    """The whole help text, without a final newline."""
    lines = [_HEAD.format(version=__version__)]
    for variable in VARIABLES:
        other = f"  [{variable.agent_name}]" if variable.agent_name != variable.name else ""
        default = f"default {variable.default}" if variable.default else "no default"
        lines.append(f"  {variable.lambda_name}{other}")
        lines.append(f"      {variable.help} ({variable.unit}; {default})")
    lines.append(
        "\nCredentials, Region, endpoints (AWS_ENDPOINT_URL_APPCONFIGDATA), certificates\n"
        "(AWS_CA_BUNDLE) and environment proxies are found as in every AWS SDK."
    )
    return "\n".join(lines)
