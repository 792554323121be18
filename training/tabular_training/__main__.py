"""`python -m tabular_training`, and `python3 code.zip`, at whose root this file lies too."""

import sys

from tabular_training.command import main

sys.exit(main())
