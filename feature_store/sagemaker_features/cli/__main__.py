"""`python -m sagemaker_features.cli`."""

import sys

from . import main

sys.exit(main())
