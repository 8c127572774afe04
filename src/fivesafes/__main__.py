"""``python -m fivesafes`` is the command line."""

from fivesafes.interfaces.cli import main

if __name__ == "__main__":
    main()
