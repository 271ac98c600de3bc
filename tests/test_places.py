"""Where files lie."""

import os
from pathlib import Path

from fastext.places import AMAZON_ROOTS, all_roots


def test_both_files_of_certificates_are_there():
    assert Path(AMAZON_ROOTS).read_text().count("BEGIN CERTIFICATE") == 5
    assert os.path.exists(all_roots())


def test_without_botocore_there_is_no_bundle(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert all_roots() is None
