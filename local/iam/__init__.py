"""AWS's policy evaluation and its Service Authorization Reference."""
