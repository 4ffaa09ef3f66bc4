"""``python -m espnet3_compiler``."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # python -m looks into the working directory first, which may hold a yaml.py

from espnet3_compiler.cli.main import main

raise SystemExit(main())
