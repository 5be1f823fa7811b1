"""One command a figure, with a peer measured in the same run."""
