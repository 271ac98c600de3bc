"""Why a variant is never chosen although its split has a share: who takes its identities first.

Splits by one variable under one seed put every identity into the same bucket, so that a smaller
share is a part of a larger one: behind 20 %, another 20 % of the same seed is nobody.
"""

from fastext.commands.expression import Split, around_splits, splits_of
from fastext.variants import Variant


def shadowed(variants: list[Variant], flag: str) -> dict[str, str]:
    """What is wrong with each variant that nobody can get, whatever the context, by its name.

    `variants` have rules that can be compiled. Only those are looked at that differ in nothing but
    the share of their one split, for of them it is certain.
    """
    found: dict[str, str] = {}
    earlier: dict[str, list[tuple[str, Split]]] = {}
    for variant in variants:
        splits = list(splits_of(variant.rule, flag))
        if len(splits) != 1 or splits[0].negated:
            continue
        split, alike = splits[0], earlier.setdefault(around_splits(variant.rule), [])
        taker = taken_by(split, alike)
        if split.percentage > 0 and taker is not None:
            found[variant.name] = advice(variant.name, split, taker, alike)
        alike.append((variant.name, split))
    return found


def taken_by(split: Split, earlier: list[tuple[str, Split]]) -> str | None:
    """The first of the variants before it whose split contains this one, or None."""
    return next(
        (
            name
            for name, other in earlier
            if _same_buckets(split, other) and other.percentage >= split.percentage
        ),
        None,
    )


def advice(name: str, split: Split, taker: str, earlier: list[tuple[str, Split]]) -> str:
    """Why the variant `name` gets nobody, and what to write instead."""
    wanted = _upper_end(split, earlier)
    share = f"{split.percentage:g}"
    text = (
        f"'{name}' gets nobody, although its split says {share} %: '{taker}' comes first and "
        f'splits by the same ${split.key} with the same seed "{split.seed}", so whoever is '
        f"in the first {share} % here has been taken there. "
    )
    cumulative = f"Write pct::{wanted:g} here, for {share} % of all beside those before it; or"
    return text + (
        f"{cumulative if wanted <= 100 else 'Write'} another seed, for {share} % of those whom "
        "they leave."
    )


def _same_buckets(split: Split, other: Split) -> bool:
    mine, its = (split.key, split.seed), (other.key, other.seed)
    return split.key is not None and mine == its and not (split.negated or other.negated)


def _upper_end(split: Split, earlier: list[tuple[str, Split]]) -> float:
    """The percentage up to which it must reach to have its share beside those before it.

    Each that lies within what was taken before is meant to come on top of it.
    """
    end = 0.0
    for other in [*(other for _, other in earlier if _same_buckets(split, other)), split]:
        end = end + other.percentage if other.percentage <= end else other.percentage
    return end
