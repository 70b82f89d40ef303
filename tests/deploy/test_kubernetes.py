"""The manifests: by Kubernetes' own schemas, and what no schema says."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from slackbot.settings import Settings
from slackbot.worker import SHUTDOWN_SECONDS
from tests.deploy.places import BIN, DEPLOY, complaints

FOLDER = DEPLOY / "kubernetes"
OF_OTHERS = {"kustomization.yaml", "monitoring.yaml"}
"""Kinds that aren't Kubernetes' own."""
OWN = sorted(path for path in FOLDER.glob("*.yaml") if path.name not in OF_OTHERS)
VERSIONS = ("1.30", "1.37")


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


KINDS = {each["kind"]: each for path in FOLDER.glob("*.yaml") for each in documents(path)}
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
    others = {"kustomization.yaml", "monitoring.yaml", "secret.example.yaml"}
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


def test_what_is_set_is_a_setting() -> None:
    known = {name.upper() for name in Settings.model_fields}
    assert set(KINDS["ConfigMap"]["data"]) <= known
    assert set(KINDS["Secret"]["stringData"]) <= known
    assert not re.search("TOKEN|SECRET|URL: .*@", yaml.dump(KINDS["ConfigMap"]["data"]))
