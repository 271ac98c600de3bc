"""What a manifest says, and what is wrong with one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastext.errors import ManifestError
from fastext.manifest import parse_manifest
from fastext.settings import Role

ROOTS = ("/tmp", "/srv/copies/")
ROLE = "arn:aws:iam::123456789012:role/path/reader"
FEATURES = ("shop", "production", "features")


def entry_of(value):
    manifest = parse_manifest(json.dumps({"shop:production:features": value}), ROOTS)
    assert manifest.warnings == []
    [(key, entry)] = manifest.entries.items()
    assert key == FEATURES
    return entry


def test_an_entry_may_be_empty():
    entry = entry_of({})
    assert (entry.role, entry.path) == (None, "")
    assert parse_manifest(b"{}", ROOTS).entries == {}


def test_configurations_are_named_in_both_notations_and_stay_in_order():
    names = ["b:e:c", "/applications/a/environments/e/configurations/c", "abc1234:def5678:ghi9012"]
    manifest = parse_manifest(json.dumps({name: {} for name in names}), ROOTS)
    assert list(manifest.entries) == [
        ("b", "e", "c"), ("a", "e", "c"), ("abc1234", "def5678", "ghi9012")
    ]  # fmt: skip


def test_credentials_are_a_role_to_assume():
    assert entry_of({"credentials": {"roleArn": ROLE}}).role == Role(ROLE)
    full = {
        "roleArn": ROLE,
        "roleExternalId": "ext",
        "roleSessionName": "me",
        "credentialsDuration": "2h",
    }
    assert entry_of({"credentials": full}).role == Role(ROLE, "ext", "me", 7200)


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/tmp/a.json", "/tmp/a.json"),
        ("/tmp/x/../b//c.json", "/tmp/b/c.json"),
        ("/srv/copies/a", "/srv/copies/a"),
    ],
)
def test_a_copy_is_written_under_a_root(path, written):
    assert entry_of({"writeTo": {"path": path}}).path == written


NAME = "shop:production:features"
PLACE = f'$["{NAME}"]'


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("", "$: is not JSON"),
        ("{'a': 1}", "$: is not JSON"),
        ("[" * 100_000, "$: is not JSON"),
        ("[]", "$: is not a JSON object"),
        ('{"shop:features": {}}', '$["shop:features"]: names no configuration: '),
        ({NAME: {}, "/applications/shop/environments/production/configurations/features": {}},
         '$["/applications/shop/environments/production/configurations/features"]: is there '),
        ({NAME: []}, f"{PLACE}: is not a JSON object"),
        ({NAME: {"credentials": ROLE}}, f"{PLACE}.credentials: is not a JSON object"),
        ({NAME: {"credentials": {}}}, f"{PLACE}.credentials.roleArn: is missing"),
        ({NAME: {"credentials": {"roleArn": 1}}}, f"{PLACE}.credentials.roleArn: is not a text"),
        ({NAME: {"credentials": {"roleArn": ""}}}, f"{PLACE}.credentials.roleArn: is not a text"),
        ({NAME: {"credentials": {"roleArn": "reader"}}},
         f"{PLACE}.credentials.roleArn: is not the ARN of a role"),
        ({NAME: {"credentials": {"roleArn": "arn:aws:iam::1:user/x"}}},
         f"{PLACE}.credentials.roleArn: is not the ARN of a role"),
        ({NAME: {"credentials": {"roleArn": ROLE, "roleExternalId": None}}},
         f"{PLACE}.credentials.roleExternalId: is not a text"),
        ({NAME: {"credentials": {"roleArn": ROLE, "credentialsDuration": "soon"}}},
         f"{PLACE}.credentials.credentialsDuration: is not a duration"),
        ({NAME: {"credentials": {"roleArn": ROLE, "credentialsDuration": "14m"}}},
         f"{PLACE}.credentials.credentialsDuration: is not from 15m to 12h"),
        ({NAME: {"credentials": {"roleArn": ROLE, "credentialsDuration": 3600}}},
         f"{PLACE}.credentials.credentialsDuration: is not a text"),
        ({NAME: {"writeTo": "/tmp/a"}}, f"{PLACE}.writeTo: is not a JSON object"),
        ({NAME: {"writeTo": {}}}, f"{PLACE}.writeTo.path: is not an absolute path"),
        ({NAME: {"writeTo": {"path": "a"}}}, f"{PLACE}.writeTo.path: is not an absolute path"),
        ({NAME: {"writeTo": {"path": "/etc/passwd"}}}, f"{PLACE}.writeTo.path: is not under /tmp"),
        ({NAME: {"writeTo": {"path": "/tmp/../etc/x"}}}, f"{PLACE}.writeTo.path: is not under"),
        ({NAME: {"writeTo": {"path": "/tmp"}}}, f"{PLACE}.writeTo.path: is not under /tmp"),
        ({NAME: {"writeTo": {"path": "/tmpx/a"}}}, f"{PLACE}.writeTo.path: is not under /tmp"),
        ({NAME: {"writeTo": {"path": "/tmp/\0"}}}, f"{PLACE}.writeTo.path: is not an absolute"),
        ({NAME: {"writeTo": {"path": "/tmp/a"}}, "a:b:c": {"writeTo": {"path": "/tmp/./a"}}},
         f'$["a:b:c"].writeTo.path: is that of {PLACE} already'),
    ],
)  # fmt: skip
def test_a_faulty_manifest_is_refused_by_the_place_of_the_fault(manifest, message):
    text = manifest if isinstance(manifest, str) else json.dumps(manifest)
    with pytest.raises(ManifestError) as raised:
        parse_manifest(text, ROOTS)
    assert raised.value.message.startswith(message)


def test_unknown_keys_are_named_and_ignored():
    manifest = parse_manifest(
        json.dumps({
            NAME: {
                "pollInterval": 3,
                "credentials": {"roleArn": ROLE, "region": "x"},
                "writeTo": {"path": "/tmp/a", "mode": "0644"},
            }
        }),
        ROOTS,
    )  # fmt: skip
    assert manifest.warnings == [
        f'{PLACE}["pollInterval"]: is not known, and ignored',
        f'{PLACE}.credentials["region"]: is not known, and ignored',
        f'{PLACE}.writeTo["mode"]: is not known, and ignored',
    ]
    assert manifest.entries[FEATURES].role == Role(ROLE)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
)
keys = st.sampled_from([NAME, "a:b:c", "credentials", "writeTo", "roleArn", "path"])


@given(
    st.dictionaries(keys, json_values | st.dictionaries(keys, json_values, max_size=3), max_size=3)
    | json_values
)
def test_whatever_comes_ends_as_a_manifest_or_as_our_error(value):
    try:
        parse_manifest(json.dumps(value), ROOTS)
    except ManifestError as fault:
        assert fault.message[0] == "$"  # noqa: PT017
