"""One file a promise: each makes its figure in a short form for `make test` and a long one for `make promises`."""
