"""Where the files to deploy are, and how their checkers are run."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent
"""The environment of the tests, with the checkers that Python's registry has."""


def complaints(program: str | Path, *arguments: str | Path) -> str:
    """Return what a checker says against its files, warnings too; nothing if it accepts them."""
    ended = subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=False, cwd=ROOT
    )
    return ended.stderr if ended.returncode == 0 else ended.stdout + ended.stderr
