"""Two real sites on one machine: the demo, the drills in CI, the game days."""
