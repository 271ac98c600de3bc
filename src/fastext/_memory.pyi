def settle() -> None:
    """Give back what only the start needed; for after it.

    A start touches nearly all code that is loaded, and serving a tenth of it. The pages of code and
    of constants are unmapped; those that are needed again are mapped again, sixteen at a time, from
    the page cache (madvise(2), MADV_DONTNEED). malloc gives back what it keeps for later
    (malloc_trim(3)).
    """
