"""What a caller says of itself."""

import pytest

from fastext.context import MAX_PAIRS, read_context
from fastext.errors import BadRequest


def context(*values, entity=None):
    fields = [(b"host", b"x"), *((b"context", value) for value in values)]
    if entity is not None:
        fields.append((b"entity-id", entity))
    return read_context(fields)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((), {}),
        ((b"",), {}),
        ((b" , ,",), {}),
        ((b"country=NL",), {"country": "NL"}),
        ((b"a=1, b=2",), {"a": "1", "b": "2"}),
        ((b"a=1", b"b=2"), {"a": "1", "b": "2"}),
        ((b"a=1,a=2", b"a=3"), {"a": "3"}),
        ((b"a=b=c",), {"a": "b=c"}),
        ((b"a=",), {"a": ""}),
        ((b"A=1,a=2",), {"A": "1", "a": "2"}),
        ((b"email=jane_doe@example.org",), {"email": "jane_doe@example.org"}),
        ((b"x=%2C%20",), {"x": "%2C%20"}),
        (("name=J\u00fcrgen".encode(),), {"name": "J\u00fcrgen"}),
        (("name=J\u00fcrgen".encode("latin-1"),), {"name": "J\u00fcrgen"}),
    ],
)
def test_pairs_may_be_repeated_and_separated_by_commas(values, expected):
    assert context(*values) == expected


def test_the_entity_s_id_is_a_variable():
    assert context(entity=b"user123") == {"entityId": "user123"}
    assert context(b"entityId=other", entity=b"a,b=c") == {"entityId": "a,b=c"}


@pytest.mark.parametrize("value", [b"country", b"a=1,b", b"=1", b" =1"])
def test_what_is_no_pair_is_refused(value):
    with pytest.raises(BadRequest, match="not a list of key=value"):
        context(value)


def test_the_number_of_keys_is_bounded():
    with pytest.raises(BadRequest, match="keys"):
        context(b",".join(b"k%d=1" % number for number in range(MAX_PAIRS + 1)))
