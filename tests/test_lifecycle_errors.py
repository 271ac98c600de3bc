"""The base of all errors, and those of a start."""

from fastext import errors, lifecycle_errors


def test_a_message_has_an_end():
    fault = lifecycle_errors.LifecycleError("x" * 100_000)
    assert len(str(fault)) < 1100
    assert fault.message == str(fault)


def test_they_are_those_of_the_tree():
    assert errors.PortTaken is lifecycle_errors.PortTaken
    assert issubclass(errors.Unavailable, lifecycle_errors.FastextError)
