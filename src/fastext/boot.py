"""The file that an extension's launcher runs: `python -I -S .../fastext/boot.py`.

Python compiles the file that it runs anew at every start, and only what that imports is kept
compiled. So this one is as short as can be.
"""

import sys

if __name__ == "__main__":  # no path leads to the package yet
    # At the end: most of what follows is the standard library's, and every place costs a look.
    sys.path.append(__file__.rpartition("/fastext/")[0])

from fastext.startup import main

if __name__ == "__main__":
    sys.exit(main())
