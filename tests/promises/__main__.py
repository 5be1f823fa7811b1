"""`python -m tests.promises` makes all figures in their long form; `p3 p5` only these; `--short` as `make test` does.

Prints one line of JSON a promise as it comes, then the table; ends with status 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import sys

from tests.promises.figure import table
from tests.promises.shelf import promises, run


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.promises", description=__doc__.partition("\n")[0])
    parser.add_argument("promises", nargs="*", metavar="pN", help="such as p3; all when none is named")
    parser.add_argument("--short", action="store_true", help="in the form of make test")
    wanted = parser.parse_args()
    known = promises()
    if unknown := set(wanted.promises) - set(known):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    figures = []
    for name in wanted.promises or known:
        figure = run(name, long=not wanted.short)
        print(figure.to_json(), flush=True)
        figures.append(figure)
    print(table(figures))
    sys.exit(1 if any(figure.figure for figure in figures) else 0)


if __name__ == "__main__":
    main()
