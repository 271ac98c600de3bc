"""Where the AppConfig Data API is, by Region: botocore's endpoint rules as a table.

botocore's rule set for appconfigdata (endpoint-rule-set-1.json) says the same in 30 KB of rules
that take a parser to read. Regions that are not in the table are left to botocore.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# Partition, DNS suffix, DNS suffix of dual-stack hosts, Regions.
# -- made by `python -m dev.generated`
PARTITIONS = (
    ("aws", "amazonaws.com", "api.aws",
     "af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 "
     "ap-south-2 ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 "
     "ap-southeast-6 ap-southeast-7 ca-central-1 ca-west-1 eu-central-1 eu-central-2 "
     "eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1 "
     "me-south-1 me-west-1 mx-central-1 sa-east-1 sa-west-1 us-east-1 us-east-2 us-west-1 "
     "us-west-2"),
    ("aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn",
     "cn-north-1 cn-northwest-1"),
    ("aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu",
     "eusc-de-east-1"),
    ("aws-iso", "c2s.ic.gov", "api.aws.ic.gov",
     "us-iso-east-1 us-iso-west-1"),
    ("aws-iso-b", "sc2s.sgov.gov", "api.aws.scloud",
     "us-isob-east-1 us-isob-west-1"),
    ("aws-iso-e", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk",
     "eu-isoe-west-1"),
    ("aws-iso-f", "csp.hci.ic.gov", "api.aws.hci.ic.gov",
     "us-isof-east-1 us-isof-south-1"),
    ("aws-us-gov", "amazonaws.com", "api.aws",
     "us-gov-east-1 us-gov-west-1"),
)  # fmt: skip
# -- end


def regional_host(region: str, *, fips: bool, dual_stack: bool) -> "str | None":
    """The service's host in `region`, or None where the table does not know the Region."""
    for partition, suffix, dual_stack_suffix, regions in PARTITIONS:
        if region in regions.split():
            # GovCloud's plain hosts are FIPS hosts already.
            marked = fips and (partition != "aws-us-gov" or dual_stack)
            service = "appconfigdata-fips" if marked else "appconfigdata"
            return f"{service}.{region}.{dual_stack_suffix if dual_stack else suffix}"
    return None


def configured(environ: "Mapping[str, str]") -> "str | None":
    """The endpoint URL that the environment sets for this service or for all, as in every SDK."""
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    return environ.get("AWS_ENDPOINT_URL_APPCONFIGDATA") or environ.get("AWS_ENDPOINT_URL") or None


def split_url(url: str) -> "tuple[str, str, int, str] | None":
    """Scheme, host, port and path of a URL, or None where only botocore can tell what it means.

    An IPv6 address has no brackets.
    """
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    authority, slash, path = rest.partition("/")
    if not separator or scheme not in ("http", "https") or not authority or not url.isascii():
        return None
    if any(sign in rest for sign in "@?#%\\") or not url.isprintable() or " " in url:
        return None
    host, port = authority, ""
    if authority.startswith("["):
        host, bracket, port = authority[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            return None
        port = port[1:]
    elif ":" in authority:
        host, _, port = authority.partition(":")
    # What is signed is the path without empty and dot segments.
    segments = path.split("/")
    if not host or "" in segments[:-1] or "." in segments or ".." in segments:
        return None
    if port and not (port.isdecimal() and len(port) <= 5 and int(port) <= 65535):
        return None
    number = int(port) if port else 443 if scheme == "https" else 80
    return scheme, host.lower(), number, slash + path
