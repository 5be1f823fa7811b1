"""What a rule does after it fired, as pure functions."""
