"""``python -m reelkeep.cli``: the command line without the installed script."""

from __future__ import annotations

import sys

from reelkeep.cli.app import main

sys.exit(main())
