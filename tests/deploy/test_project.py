"""What the project's own files promise: CI, the changelog, what CI installs."""

import re
from pathlib import Path

import yaml

from slackbot import __version__
from slackbot.store.engine.database import newest_revision
from slackbot.store.engine.upgrade import OLDEST
from tests.deploy.places import BIN, DEPLOY, ROOT, complaints
from tests.tools import PACKAGES

CI = ROOT / ".gitlab-ci.yml"
CONTAINERFILE = DEPLOY / "container/Containerfile"
SCHEMA = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()


def test_gitlab_understands_its_ci_file() -> None:
    assert complaints(BIN / "check-jsonschema", *SCHEMA, CI) == ""


def test_a_job_that_it_does_not_understand_would_be_named(tmp_path: Path) -> None:
    changed = tmp_path / "ci.yml"
    changed.write_text(
        CI.read_text().replace("\nscript:", "\nscripts:").replace("extends", "extend")
    )
    assert "extend" in complaints(BIN / "check-jsonschema", *SCHEMA, changed)


def test_ci_publishes_releases_only_and_tests_everything() -> None:
    jobs = yaml.safe_load(CI.read_text())
    assert jobs["test"]["script"] == [".ci/run"]
    assert "rules" not in jobs["test"]
    oldest = re.search(r'requires-python = ">=(.*)"', (ROOT / "pyproject.toml").read_text())
    image = re.search(r"^FROM python:(.*)-slim$", CONTAINERFILE.read_text(), re.MULTILINE)
    assert oldest
    assert image
    assert jobs["test"]["parallel"]["matrix"] == [{"PYTHON": [oldest[1], image[1]]}]
    (rule,) = jobs[".release"]["rules"]
    assert rule == {"if": r"$CI_COMMIT_TAG =~ /^v\d+\.\d+\.\d+$/"}
    for name in ("publish-package", "publish-image"):
        assert jobs[name]["extends"] == ".release"


def test_all_that_ci_installs_for_a_release_is_pinned_by_a_lock() -> None:
    text = CI.read_text()
    installs = re.findall(r"pip install (.*)$", text, re.MULTILINE)
    assert installs
    assert all("--require-hashes -r" in each for each in installs)
    assert "\nuv==" in (ROOT / "requirements-dev.lock").read_text()


def test_no_password_is_an_argument_and_no_host_is_named() -> None:
    text = CI.read_text()
    assert not re.search(r"--password[ =]|:\$CI_JOB_TOKEN@", text)
    assert "://" not in text


def test_ci_installs_what_the_tests_run() -> None:
    text = (ROOT / ".ci/run").read_text()
    listed = {
        name: re.search(rf"^{name}=\((.*)\)$", text, re.MULTILINE)
        for name in ("programs", "packages")
    }
    assert listed["programs"]
    assert listed["packages"]
    assert set(listed["programs"][1].split()) == set(PACKAGES)
    assert set(listed["packages"][1].split()) == set(PACKAGES.values())
    assert "REQUIRE_TOOLS=1 make test" in text


def test_the_changelog_knows_this_release_and_what_is_to_come() -> None:
    sections = re.findall(r"^## \[(.*?)\]", CHANGELOG, re.MULTILINE)
    assert sections[0] == "Unreleased"
    assert __version__ in sections
    assert set(re.findall(r"^### (.*)$", CHANGELOG, re.MULTILINE)) <= {
        *("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
    }


def test_the_manifests_take_the_image_of_this_release() -> None:
    (image,) = yaml.safe_load((ROOT / "deploy/kubernetes/kustomization.yaml").read_text())["images"]
    assert image["newTag"] == __version__


def test_the_changelog_says_which_schema_a_release_has() -> None:
    schemas = re.findall(r"\bSchema (\d{4})\b", CHANGELOG)
    assert schemas[:2] == [newest_revision(), OLDEST]
