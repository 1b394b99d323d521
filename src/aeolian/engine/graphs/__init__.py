"""What feeds what and what came of what, as graphs and pictures."""
