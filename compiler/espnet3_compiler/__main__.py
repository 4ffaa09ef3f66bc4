"""``python -m espnet3_compiler``."""

from espnet3_compiler.cli.main import main

raise SystemExit(main())
