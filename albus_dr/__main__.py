"""``python -m albus_dr`` is ``albus-dr``."""

from albus_dr.cli.main import main

main()
