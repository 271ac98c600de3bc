"""The microbenchmark suite; `python -m benches` runs it."""
