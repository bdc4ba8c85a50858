"""The content of the container files; `make lint` checks their schema and style."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tests.docker import compose

SECRETS = {name for name, value in compose.example_variables().items() if not value}
MADE_UP = {name: f"made-up-{name.lower()}" for name in SECRETS}


def packages(lock: str) -> set[str]:
    text = (compose.ROOT / "requirements" / lock).read_text()
    return set(re.findall(r"^[\w.-]+==\S+", text, re.MULTILINE))


def test_a_run_needs_less_than_the_image_and_both_the_versions_of_development() -> None:
    assert packages("run.txt") < packages("server.txt") < packages("dev.txt")


def test_the_image_has_no_development_tools() -> None:
    assert not {name.split("==")[0] for name in packages("server.txt")} & {
        "pytest",
        "ruff",
        "mypy",
        "uv",
        "playwright",
    }


def test_the_example_names_every_variable() -> None:
    used = {found["name"] for found in compose.VARIABLE.finditer(compose.FILE.read_text())}
    named = set(re.findall(r"^#?([A-Z]\w*)=", compose.EXAMPLE.read_text(), re.MULTILINE))
    assert used == named


def test_the_example_has_no_secrets() -> None:
    assert set(compose.example_variables()) == SECRETS
    assert len(SECRETS) == 6


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_nothing_starts_without_a_secret(name: str) -> None:
    with pytest.raises(compose.UnsetVariableError, match=name):
        compose.read({**MADE_UP, name: ""})


def test_every_image_is_pinned() -> None:
    images = [service["image"] for service in compose.read(MADE_UP)["services"].values()]
    images += re.findall(r"^ARG PYTHON=(.*)", compose.DOCKERFILE.read_text(), re.MULTILINE)
    pinned = re.compile(r"[a-z]+:\d+\.\d+(\.\d+)?-[a-z-]+@sha256:[0-9a-f]{64}")
    assert all(pinned.fullmatch(image) for image in images if image != "spikeseg")


def test_ports_are_open_to_this_machine_only() -> None:
    services = compose.read(MADE_UP)["services"]
    ports = {name: each["ports"] for name, each in services.items() if "ports" in each}
    assert set(ports) == {"prefect", "mlflow"}
    assert all(port.startswith("127.0.0.1:") for each in ports.values() for port in each)


def test_every_container_is_bounded_and_gains_no_rights() -> None:
    for name, service in compose.read(MADE_UP)["services"].items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["pids_limit"] and service["mem_limit"], name
        if service["image"] == "spikeseg":
            assert service["cap_drop"] == ["ALL"] and service["read_only"], name


def test_no_password_is_on_a_command_line() -> None:
    services = compose.read(MADE_UP)["services"]
    words = [word for each in services.values() for word in each.get("command", [])]
    assert not [word for word in words if any(secret in word for secret in MADE_UP.values())]


def test_the_worker_cannot_reach_databases_and_is_no_administrator() -> None:
    content = compose.read(MADE_UP)
    services = content["services"]
    networks = {name: each.get("networks", ["default"]) for name, each in services.items()}
    assert networks["postgres"] == networks["redis"] == ["data"]
    assert networks["worker"] == ["default"]
    assert content["networks"]["data"] == {"internal": True}
    known = set(services["worker"]["environment"].values())
    for name in SECRETS - {"PREFECT_PASSWORD", "MLFLOW_WORKER_PASSWORD"}:
        assert not any(MADE_UP[name] in value for value in known), name


def test_a_job_in_kubernetes_is_bounded_and_gains_no_rights() -> None:
    template = json.loads((compose.ROOT / "deployments" / "pools" / "kubernetes.json").read_text())
    pod = template["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    (container,) = pod["containers"]
    assert not container["securityContext"]["allowPrivilegeEscalation"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["limits"].keys() == {"cpu", "memory"}


def test_the_last_stage_is_not_root_and_installs_nothing() -> None:
    last_stage = compose.last_stage()
    assert re.search(r"^USER [1-9]", last_stage, re.MULTILINE)
    assert "pip" not in last_stage
    assert "apt" not in last_stage


def test_make_secrets_writes_different_ones_and_keeps_them(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "docker").mkdir()
    (folder / "docker" / ".env.example").write_text(compose.EXAMPLE.read_text())
    command = [
        "make",
        "--file",
        str(compose.ROOT / "Makefile"),
        "--directory",
        str(folder),
        "secrets",
    ]
    subprocess.run(command, check=True, capture_output=True)
    written = folder / "docker" / ".env"
    lines = [line for line in written.read_text().splitlines() if re.match(r"[A-Z]", line)]
    values = dict(line.split("=") for line in lines)
    assert set(values) == SECRETS
    assert len(set(values.values())) == len(SECRETS)
    assert all(len(value) == 48 for value in values.values())
    assert written.stat().st_mode & 0o077 == 0
    before = written.read_text()
    subprocess.run(command, check=True, capture_output=True)
    assert written.read_text() == before
