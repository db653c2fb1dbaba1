"""The files for running it name settings and commands that exist, and the tools that read them accept them where they are at hand."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from guanxi.config.bench import balancers
from guanxi.core.cli import COMMANDS
from guanxi.runtime.environment import environment
from tests.needs import balancer
from tests.runtime.helpers import ROOT

DEPLOY = ROOT / "deploy"
FILES = sorted(place for place in DEPLOY.rglob("*") if place.is_file())
NOT_OURS = {"POSTGRES_PASSWORD", "POSTGRES_USER", "POSTGRES_DB", "PYTHONUNBUFFERED"}


@pytest.mark.parametrize("place", FILES, ids=lambda place: str(place.relative_to(DEPLOY)))
def test_settings_named_exist(place: Path) -> None:
    known = {row["name"] for row in environment().table()} | NOT_OURS
    named = set(re.findall(r"\b(?:GUANXI_[A-Z_]+|DATABASE_URL|EMAIL_URL|POSTGRES_[A-Z]+)\b", place.read_text()))
    assert named - known == set()


def _documents(place: Path) -> list[dict[str, Any]]:
    return [found for found in yaml.safe_load_all(place.read_text()) if found]


def test_compose_and_manifests_run_commands_that_exist() -> None:
    compose = _documents(DEPLOY / "container" / "compose.yaml")[0]["services"]
    manifests = _documents(DEPLOY / "kubernetes" / "guanxi.yaml")
    ours = [each["command"] for each in compose.values() if "build" in each]
    pods = [each["spec"]["template"]["spec"] for each in manifests if each["kind"] in ("Job", "Deployment")]
    ours += [container["args"] for pod in pods for container in pod["containers"]]
    assert len(ours) == 6
    assert {arguments[0] for arguments in ours} <= set(COMMANDS)
    parts = {arguments[2] for arguments in ours if "--only" in arguments}
    assert parts == {"web", "worker"}


SCHEMAS = ROOT / "tests" / "vendor" / "schemas"


def _faults(validator: Draft202012Validator, document: Any) -> list[str]:
    return [f"{'/'.join(map(str, one.path))}: {one.message[:200]}" for one in validator.iter_errors(document)]


@pytest.mark.parametrize("name", ["compose.yaml", "cluster.yaml"])
def test_compose_files_are_as_the_specification_wants_them(name: str) -> None:
    validator = Draft202012Validator(json.loads((SCHEMAS / "compose-spec.json").read_text()))
    (document,) = _documents(DEPLOY / "container" / name)
    assert _faults(validator, document) == []
    document["services"]["proxy"]["port"] = document["services"]["proxy"].pop("ports")
    assert _faults(validator, document) != []


def test_manifests_are_as_kubernetes_defines_them() -> None:
    known = json.loads((SCHEMAS / "kubernetes.json").read_text())
    documents = _documents(DEPLOY / "kubernetes" / "guanxi.yaml")
    assert {f"{each['apiVersion']}/{each['kind']}" for each in documents} == set(known["kinds"])
    for each in documents:
        name = known["kinds"][f"{each['apiVersion']}/{each['kind']}"]
        validator = Draft202012Validator({"$ref": f"#/definitions/{name}", "definitions": known["definitions"]})
        assert _faults(validator, each) == []
        assert _faults(validator, {**each, "specs": {}}) != [], "nothing unknown goes through"
        if each["kind"] == "Deployment":
            each["spec"]["template"]["spec"]["containers"][0]["image"] = 7
            assert _faults(validator, each) != []


def test_the_cluster_has_a_primary_a_replica_and_three_nodes_the_proxy_knows() -> None:
    services = _documents(DEPLOY / "container" / "cluster.yaml")[0]["services"]
    nodes = [name for name, each in services.items() if "web" in each.get("command", ())]
    assert nodes == ["web1", "web2", "web3"]
    assert "replica:5432" in services["web1"]["environment"]["GUANXI_READ_DATABASE_URL"]
    assert "target_session_attrs=read-write" in services["web1"]["environment"]["DATABASE_URL"]
    proxy = (DEPLOY / "container" / "cluster.conf").read_text()
    assert re.findall(r"server (\w+):8000", proxy) == re.findall(r"server (\w+):8001", proxy) == nodes
    for each in services.values():
        for volume in each.get("volumes", ()):
            source = volume.partition(":")[0]
            assert (
                not source.startswith("./") or source.startswith("./crm.") or (DEPLOY / "container" / source).exists()
            )
    for script in ("replication.sh", "replica.sh"):
        done = subprocess.run(["bash", "-n", str(DEPLOY / "container" / script)], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


def test_the_balancer_file_knows_the_same_nodes_and_is_accepted_by_haproxy(tmp_path: Path) -> None:
    text = (DEPLOY / "haproxy" / "haproxy.cfg").read_text()
    nginx = (DEPLOY / "nginx" / "guanxi.conf").read_text()
    pages, unready, events = (re.findall(r"server \w+ (\S+:\d+)", part) for part in text.split("\nbackend ")[1:])
    assert pages + events == re.findall(r"server (\S+:\d+) ", nginx)
    assert unready == pages
    assert re.findall(r"(?:use|default)_backend (\w+)", text) == ["events", "unready", "nodes"]
    tool = balancer("haproxy")
    balancers.certify(tmp_path / "crm.pem")
    whole = tmp_path / "haproxy.cfg"

    def complaints(text: str) -> str:
        whole.write_text(text.replace("/etc/haproxy/crm.pem", str(tmp_path / "crm.pem")))
        done = subprocess.run([tool, "-c", "-f", str(whole)], capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 and "WARNING" not in done.stderr else done.stderr or "?"

    assert complaints(text) == ""
    assert "balance" in complaints(text.replace("balance leastconn", "balance fairly"))


def test_the_image_copies_what_there_is_and_runs_what_the_checkout_runs() -> None:
    lines = (DEPLOY / "container" / "Containerfile").read_text().splitlines()
    copied = [each for line in lines if line.startswith("COPY ") for each in line.split()[1:-1]]
    assert copied == ["requirements.lock", "guanxi", "pyproject.toml", "src"]
    assert all((ROOT / each).exists() for each in copied)
    assert 'ENTRYPOINT ["./guanxi"]' in lines
    script = (ROOT / "guanxi").read_text()
    assert "requirements.done" in "\n".join(lines), "or it would install everything anew at its first start"
    assert '"$venv/$1.done"' in script


def test_every_pod_has_settings_and_the_data_folder() -> None:
    for each in _documents(DEPLOY / "kubernetes" / "guanxi.yaml"):
        if each["kind"] in ("Job", "Deployment"):
            pod = each["spec"]["template"]["spec"]
            assert pod["volumes"][0]["persistentVolumeClaim"] == {"claimName": "guanxi-data"}
            (container,) = pod["containers"]
            assert {next(iter(source)) for source in container["envFrom"]} == {"configMapRef", "secretRef"}
            assert container["volumeMounts"] == [{"name": "data", "mountPath": "/data"}]


@pytest.mark.parametrize("name", ["guanxi.service", "guanxi-web.service", "guanxi-worker.service"])
def test_units_say_what_systemd_needs(name: str, tmp_path: Path) -> None:
    text = (DEPLOY / "systemd" / name).read_text()
    assert re.search(r"^ExecStart=/opt/guanxi/guanxi serve", text, re.MULTILINE)
    assert "TimeoutStopSec=30" in text
    tool = shutil.which("systemd-analyze")
    if tool:
        unit = tmp_path / name
        unit.write_text(text.replace("/opt/guanxi/guanxi", "/bin/true").replace("User=guanxi", "User=root"))
        done = subprocess.run([tool, "verify", str(unit)], capture_output=True, text=True, check=False)
        complaints = [line for line in done.stderr.splitlines() if name in line]
        assert complaints == []


@pytest.mark.parametrize("place", ["nginx/guanxi.conf", "container/cluster.conf", "container/proxy.conf"])
def test_the_proxy_file_is_accepted_by_nginx(place: str, tmp_path: Path) -> None:
    text = re.sub(r"server web(\d):", r"server 127.0.0.\1:", (DEPLOY / place).read_text())
    tool = balancer("nginx")
    balancers.certify(tmp_path / "crm.pem")
    whole = tmp_path / "nginx.conf"

    def complaints(text: str) -> str:
        text = re.sub(r"/etc/ssl/\S+/crm\.(?:pem|key)", str(tmp_path / "crm.pem"), text)
        places = " ".join(
            f"{name}_temp_path {tmp_path};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        whole.write_text(
            f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off; {places} {text} }}"
        )
        done = subprocess.run([tool, "-t", "-c", str(whole)], capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 and "[warn]" not in done.stderr else done.stderr or "?"

    assert complaints(text) == ""
    assert "unknown directive" in complaints(text.replace("proxy_buffering", "proxy_buffers_off"))


def test_the_proxy_of_the_cluster_does_what_the_one_that_is_tried_does() -> None:
    """``guanxi bench nodes`` and the tests of balancers run ``nginx/guanxi.conf``; this one differs by the names of the nodes only."""
    tried, cluster = ((DEPLOY / place).read_text() for place in ("nginx/guanxi.conf", "container/cluster.conf"))
    named = re.sub(r"10\.0\.0\.1(\d):", r"web\1:", tried)
    assert re.sub(r"^#.*\n", "", cluster) == re.sub(r"^#.*\n", "", named)
