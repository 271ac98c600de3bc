"""Builds the Lambda layer: one archive per architecture that needs nothing but a kernel.

    contents  what goes in, and what is left out and why
    lock      the pinned inputs (lock.json), and how they are renewed
    fetch     brings inputs from Debian's archive and the Python package index into the cache
    roots     unpacked Debian packages, and the interpreter that the build itself runs on
    freeze    pure Python to code objects in one file; runs on the layer's own Python version
    native    Cython, the C compiler and the linker
    pack      the tree of /opt, and the archive
    sbom      CycloneDX: what is inside, with versions and licences
    verify    the archive against what it must be
    publish   AWS CLI: layer versions and SSM parameters

Everything happens under .cache/layer and dist; the machine itself is never changed.
"""
