"""Where the files lie that come with the program."""

import os

# The roots that AWS's own endpoints chain to (amazontrust.com/repository), a part of botocore's
# bundle: to load its 120 others takes longer than all calls of a start together.
AMAZON_ROOTS = os.path.join(os.path.dirname(__file__), "amazon-roots.pem")


def all_roots() -> str | None:
    """The whole bundle that botocore trusts, or None where it is not installed."""
    from importlib.util import find_spec

    spec = find_spec("botocore")
    folders = spec.submodule_search_locations if spec is not None else None
    return os.path.join(folders[0], "cacert.pem") if folders else None
