"""What the groups of benchmarks share: how to start, measure, compare and report."""
