from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tasks.local import proxy
from tasks.local.proxy import spare_loopback

NOWHERE = "http://127.0.0.1:9"


def test_without_a_proxy_nothing_changes() -> None:
    environment = {"NO_PROXY": "example.org", "HTTP_PROXY": ""}
    spare_loopback(environment)
    assert environment == {"NO_PROXY": "example.org", "HTTP_PROXY": ""}


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_the_users_entries_are_kept(name: str) -> None:
    environment = {name: "http://proxy:3128", "NO_PROXY": ".uni.example, localhost", "no_proxy": ""}
    spare_loopback(environment)
    assert environment["NO_PROXY"] == ".uni.example,localhost,127.0.0.1,::1"
    assert environment["no_proxy"] == environment["NO_PROXY"]
    assert environment[name] == "http://proxy:3128"


@pytest.mark.parametrize(
    ("host", "spared"),
    [("127.0.0.2", True), ("0.0.0.0", True), ("up.localhost", True), ("far", False)],
)
def test_a_named_server_on_this_machine_needs_no_proxy(host: str, spared: bool) -> None:
    environment = {"HTTP_PROXY": "http://proxy:3128", "PREFECT_API_URL": f"http://{host}:4200/api"}
    spare_loopback(environment)
    assert (host in environment["NO_PROXY"].split(",")) is spared


@pytest.mark.parametrize(
    "value", ["socks5://proxy:1080", "socks4://proxy:1080", "http://", "http://proxy:port"]
)
def test_a_proxy_that_no_client_can_use_is_forgotten(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy.importlib.util, "find_spec", lambda name: None)
    environment = {"ALL_PROXY": value, "http_proxy": "proxy:3128"}
    spare_loopback(environment)
    assert "ALL_PROXY" not in environment
    assert environment["http_proxy"] == "proxy:3128"


class Greeter(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *words: object) -> None:
        """Be silent."""


@pytest.fixture
def greeter() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Greeter)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("value", "upper"), [(NOWHERE, True), ("socks5://127.0.0.1:9", False)])
def test_every_client_reaches_this_machine(
    value: str, upper: bool, greeter: str, tmp_path: Path
) -> None:
    code = (
        "import tasks, httpx, requests, sys\n"
        "from tasks.local.process import answers\n"
        "assert answers(sys.argv[1])\n"
        "assert httpx.get(sys.argv[1]).text == requests.get(sys.argv[1]).text == 'hello'\n"
    )
    names = [name.upper() if upper else name for name in proxy.KINDS]
    clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    environment = {**clean, **dict.fromkeys(names, value), "SPIKESEG_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code, greeter], env=environment, check=True)
