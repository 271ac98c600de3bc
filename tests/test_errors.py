"""The tree of errors: what its documentation says is what the classes are."""

import re

import pytest

from fastext import errors


def leaves():
    return {
        name: int(status)
        for name, status in re.findall(r"\+-- (\w+) +(\d{3})", errors.__doc__ or "")
    }


@pytest.mark.parametrize(("name", "status"), leaves().items())
def test_a_leaf_has_the_status_that_the_tree_shows(name, status):
    assert getattr(errors, name).status == status


def test_every_error_is_in_the_tree():
    shown = set(re.findall(r"(?:\+-- |^    )(\w+)", errors.__doc__ or "", re.M))
    classes = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.FastextError)
    }
    assert classes == shown - {""}


def test_an_error_carries_its_message_and_details():
    fault = errors.NotFound("no such thing", {"ResourceType": "Application"})
    assert (str(fault), fault.message) == ("no such thing", "no such thing")
    assert fault.details == {"ResourceType": "Application"}
