"""``python -m espnet3_compiler``."""

from espnet3_compiler.cli import main

raise SystemExit(main())
