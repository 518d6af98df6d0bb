"""`python -m icalbridge`: the same as the console script."""

from icalbridge.cli import main

if __name__ == "__main__":
    main(prog_name="icalbridge")
