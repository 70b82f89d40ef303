"""The manifests: by Kubernetes' own schemas, and what no schema says."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from slackbot.people.file import read_people
from slackbot.settings import Settings, load_settings
from slackbot.worker import SHUTDOWN_SECONDS
from tests.deploy.places import BIN, DEPLOY, ROOT, complaints

FOLDER = DEPLOY / "kubernetes"
OF_OTHERS = {"kustomization.yaml", "monitoring.yaml"}
"""Kinds that aren't Kubernetes' own."""
OWN = sorted(path for path in FOLDER.glob("*.yaml") if path.name not in OF_OTHERS)
VERSIONS = ("1.30", "1.37")


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


EXAMPLE = FOLDER / "files.example.yaml"
KINDS = {
    each["kind"]: each
    for path in FOLDER.glob("*.yaml")
    if path != EXAMPLE
    for each in documents(path)
}
PODS = [KINDS[kind]["spec"]["template"]["spec"] for kind in ("Deployment", "Job")]
(BOT,) = KINDS["Deployment"]["spec"]["template"]["spec"]["containers"]


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_knows_every_field(version: str) -> None:
    arguments = ("--strict", "--kubernetes-version", version)
    assert complaints(BIN / "kubernetes-validate", *arguments, *OWN) == ""


def test_a_field_that_it_does_not_know_would_be_named(tmp_path: Path) -> None:
    changed = tmp_path / "bot.yaml"
    changed.write_text((FOLDER / "bot.yaml").read_text().replace("replicas:", "replica:"))
    said = complaints(BIN / "kubernetes-validate", "--strict", "-k", VERSIONS[-1], changed)
    assert "'replica' was unexpected" in said


def test_everything_that_is_listed_exists_and_everything_else_has_a_reason() -> None:
    listed = set(KINDS["Kustomization"]["resources"])
    others = {"kustomization.yaml", "monitoring.yaml", EXAMPLE.name}
    assert listed == {path.name for path in FOLDER.glob("*.yaml")} - others


@pytest.mark.parametrize("pod", PODS, ids=["bot", "migration"])
def test_a_pod_is_restricted(pod: dict[str, Any]) -> None:
    """As the profile *restricted* of the Pod Security Standards asks, and read-only."""
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    own = container["securityContext"]
    assert own["allowPrivilegeEscalation"] is False
    assert own["readOnlyRootFilesystem"] is True
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"]
    assert "memory" in container["resources"]["limits"]
    assert {"cpu", "memory"} == set(container["resources"]["requests"])


def test_the_user_is_the_one_of_the_image() -> None:
    image = (DEPLOY / "container/Containerfile").read_text()
    for pod in PODS:
        context = pod["securityContext"]
        assert f"USER {context['runAsUser']}:{context['runAsGroup']}\n" in image


def test_a_replica_may_finish_what_it_does() -> None:
    pause = BOT["lifecycle"]["preStop"]["sleep"]["seconds"]
    given = KINDS["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert given >= pause + 2 * SHUTDOWN_SECONDS


def test_there_is_always_a_replica() -> None:
    spec = KINDS["Deployment"]["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert KINDS["PodDisruptionBudget"]["spec"]["minAvailable"] == 1


def test_only_what_the_platforms_post_comes_in() -> None:
    (rule,) = KINDS["Ingress"]["spec"]["rules"]
    passed = {each["path"]: each["pathType"] for each in rule["http"]["paths"]}
    assert passed == {"/slack/events": "Exact", "/gitlab/webhook": "Exact"}


def test_labels_lead_to_each_other() -> None:
    labels = KINDS["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    selectors = [
        KINDS["Deployment"]["spec"]["selector"]["matchLabels"],
        KINDS["Service"]["spec"]["selector"],
        KINDS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        KINDS["ServiceMonitor"]["spec"]["selector"]["matchLabels"],
    ]
    for each in selectors:
        assert each.items() <= labels
    (port,) = BOT["ports"]
    assert KINDS["Service"]["spec"]["ports"][0]["targetPort"] == port["name"]


def secrets() -> dict[str, str]:
    lines = (FOLDER / "secret.example.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_the_example_of_the_secret_has_every_secret_of_http_mode_and_only_placeholders() -> None:
    known = {name.upper(): field for name, field in Settings.model_fields.items()}
    required = {name for name, field in known.items() if field.is_required()}
    assert required | {"DATABASE_URL", "SLACK_SIGNING_SECRET"} <= set(secrets())
    placeholders = {"", "xoxb-", "glpat-"}
    assert all(value in placeholders or "change-me" in value for value in secrets().values())


def test_the_alerts_become_a_rule_of_the_operator_by_the_line_of_the_docs(tmp_path: Path) -> None:
    """No second copy: the line wraps the one file that Prometheus takes, too."""
    page = (ROOT / "docs/deploy.md").read_text()
    (line,) = re.findall(r"^ *(\{ printf .*?) \| kubectl apply", page, re.MULTILINE | re.DOTALL)
    rule = yaml.safe_load(subprocess.check_output(["sh", "-c", line], text=True, cwd=ROOT))
    assert (rule["apiVersion"], rule["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert rule["metadata"]["name"] == "ssat-bot"
    assert rule["spec"] == yaml.safe_load((DEPLOY / "monitoring/alerts.yml").read_text())


def test_the_files_of_people_and_teams_are_mounted_where_the_settings_name_them(
    tmp_path: Path,
) -> None:
    changed = []
    for name in ("bot.yaml", "settings.yaml"):
        text = (FOLDER / name).read_text()
        changed.append(tmp_path / name)
        changed[-1].write_text(re.sub(r"(?m)^( *)# (- name: files|  +\S|SSAT_)", r"\1\2", text))
    command = ("--strict", "--kubernetes-version", VERSIONS[-1])
    assert complaints(BIN / "kubernetes-validate", *command, *changed) == ""

    pod = documents(changed[0])[0]["spec"]["template"]["spec"]
    (example,) = documents(EXAMPLE)
    (volume,) = [each for each in pod["volumes"] if each["name"] == "files"]
    assert volume["configMap"]["name"] == example["metadata"]["name"]
    (mount,) = [each for each in pod["containers"][0]["volumeMounts"] if each["name"] == "files"]
    assert mount["readOnly"]

    (settings,) = documents(changed[1])
    named = {name: value for name, value in settings["data"].items() if name.endswith("_FILE")}
    assert set(named) == {"SSAT_PEOPLE_FILE", "SSAT_ROUTES_FILE"}
    for path in named.values():
        place, _, name = path.rpartition("/")
        assert place == mount["mountPath"]
        (tmp_path / name).write_text(example["data"][name])
    assert list(read_people(tmp_path / "people.toml")) == ["U012AB3CD"]
    given = {
        "slack_bot_token": "xoxb-given",
        "slack_app_token": "xapp-given",
        "gitlab_token": "glpat-given",
        "ssat_routes_file": str(tmp_path / "routes.toml"),
    }
    assert load_settings(_env_file=None, **given).routes.are_several


def test_what_is_set_is_a_setting() -> None:
    known = {name.upper() for name in Settings.model_fields}
    assert set(KINDS["ConfigMap"]["data"]) <= known
    assert set(secrets()) <= known
    assert not re.search("TOKEN|SECRET|URL: .*@", yaml.dump(KINDS["ConfigMap"]["data"]))
