"""`python -m model_analyzer.cli`."""

import sys

from . import main

sys.exit(main())
