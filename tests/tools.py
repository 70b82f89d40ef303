"""Programs that some tests run and that no Python package brings along."""

import os
import shutil

import pytest

REQUIRED = "REQUIRE_TOOLS"
PACKAGES = {
    "caddy": "caddy",
    "chromium-headless-shell": "chromium-headless-shell",
    "promtool": "prometheus",
    "shellcheck": "shellcheck",
    "systemd-analyze": "systemd",
}
"""The Debian package of each; ``.ci/run`` installs them."""


def required(name: str) -> str:
    """Return where it is. Skip the test where it is not installed; in CI, fail it."""
    if (found := shutil.which(name)) is not None:
        return found
    missing = f"no {name} on this machine (Debian: apt-get install {PACKAGES[name]})"
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(missing)
    pytest.skip(missing)
