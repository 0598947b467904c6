"""albus-dr: replicate, drill, switch over and fail over between two sites, and prove it."""

__version__ = "0.1.0"
