"""``python -m xgamma``."""

import sys

from xgamma.cli import main

if __name__ == "__main__":
    sys.exit(main())
