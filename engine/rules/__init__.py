"""From files to programs."""
