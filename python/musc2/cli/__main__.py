"""``python -m musc2.cli`` is the command ``musc2``."""

import sys

from musc2.cli import main

if __name__ == "__main__":
    sys.exit(main())
