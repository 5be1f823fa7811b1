"""Access to outside systems, a package or a file each."""
