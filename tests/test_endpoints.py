"""The table of endpoints, with botocore's rules as the measure."""

import pytest
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError
from botocore.loaders import Loader

from dev import generated
from fastext.endpoints import configured, regional_host, split_url


@pytest.fixture(scope="module")
def provider():
    loader = Loader()
    rules = loader.load_service_model("appconfigdata", "endpoint-rule-set-1")
    return EndpointProvider(rules, loader.load_data("partitions"))


REGIONS = [name for partition in generated.partitions() for name in partition["regions"]]


@pytest.mark.parametrize("fips", [False, True])
@pytest.mark.parametrize("dual_stack", [False, True])
def test_every_region_s_host_is_the_one_of_botocore_s_rules(provider, fips, dual_stack):
    for region in REGIONS:
        try:
            expected = provider.resolve_endpoint(
                Region=region, UseFIPS=fips, UseDualStack=dual_stack
            ).url
        except EndpointProviderError:
            expected = None
        host = regional_host(region, fips=fips, dual_stack=dual_stack)
        assert (f"https://{host}" if host else None) == expected, region


def test_the_table_is_botocore_s_of_today():
    text = generated.ENDPOINTS.read_text()
    assert generated.with_table(text) == text, "run python -m dev.generated"
    assert generated.CERTIFICATES.read_text() == generated.certificates()


@pytest.mark.parametrize("region", ["", "moon-1", "aws-global", "fips-us-east-1", "us-east-1 "])
def test_regions_that_are_not_in_the_table_are_left_to_botocore(region):
    assert regional_host(region, fips=False, dual_stack=False) is None


@pytest.mark.parametrize(
    ("environ", "url"),
    [({}, None), ({"AWS_ENDPOINT_URL": "http://a"}, "http://a"),
     ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_APPCONFIGDATA": "http://b"}, "http://b"),
     ({"AWS_ENDPOINT_URL": "http://a", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, None)],
)  # fmt: skip
def test_the_environment_s_endpoint(environ, url):
    assert configured(environ) == url


@pytest.mark.parametrize(
    ("url", "parts"),
    [("http://localhost:4566", ("http", "localhost", 4566, "")),
     ("HTTPS://Vpce-1.Example/", ("https", "vpce-1.example", 443, "/")),
     ("http://[::1]:80/base/", ("http", "::1", 80, "/base/")),
     ("http://h:65535/.a/b..", ("http", "h", 65535, "/.a/b..")),
     ("http://[::1]", ("http", "::1", 80, "")),
     ("http://user@host", None), ("http://host?x=1", None), ("http://host/#f", None),
     ("ftp://host", None), ("host", None), ("http://", None), ("http://h:x", None),
     ("http://[::1", None), ("http://[::1]x", None), ("http://ho st", None),
     ("http://hö.example", None), ("http://h/%2F", None),
     ("http://h:65536", None), ("http://h:" + "9" * 5000, None), ("http://h:000080", None),
     ("http://h/a//b", None), ("http://h//", None), ("http://h/./b", None), ("http://h/..", None)],
)  # fmt: skip
def test_a_url_is_split_or_left_to_botocore(url, parts):
    assert split_url(url) == parts
