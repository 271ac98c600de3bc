"""`python -m benches`: every benchmark, each in processes of its own."""

import subprocess
import sys
from pathlib import Path

BENCHES = sorted(Path(__file__).parent.glob("bench_*.py"))


def main() -> int:
    status = 0
    for bench in BENCHES:
        print(f"--- {bench.stem}", flush=True)
        status |= subprocess.run([sys.executable, bench, *sys.argv[1:]], check=False).returncode
    return status


if __name__ == "__main__":
    sys.exit(main())
