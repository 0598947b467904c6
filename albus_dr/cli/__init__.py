"""The verbs. The only code that prints or exits."""

import gc

gc.set_threshold(200_000)  # before the first import: starting makes many objects and little garbage to look for
