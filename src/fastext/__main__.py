"""`python -m fastext`: the same program as the installed command."""

import sys

from fastext.startup import main

if __name__ == "__main__":
    sys.exit(main())
