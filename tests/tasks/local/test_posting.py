from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tasks.local.posting import open_http, post


class Echo(BaseHTTPRequestHandler):
    """Echoes JSON requests; refuses anything else."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200 if self.headers["Content-Type"] == "application/json" else 415)
        self.end_headers()
        key = [self.headers["Authorization"]] if "Authorization" in self.headers else []
        self.wfile.write(json.dumps([self.path, json.loads(body), *key]).encode())

    def log_message(self, *words: object) -> None:
        """Keep quiet."""


@pytest.fixture
def echo() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_it_posts_json_and_gives_the_answer(echo: str) -> None:
    assert post(f"{echo}/runs", {"id": 1}) == ["/runs", {"id": 1}]


def test_a_password_is_in_a_header(echo: str) -> None:
    assert post(f"{echo}/runs", {}, "me:secret") == ["/runs", {}, "Basic bWU6c2VjcmV0"]


def test_a_server_that_is_away_is_an_os_error() -> None:
    with pytest.raises(OSError):
        post("http://127.0.0.1:9/runs", {})


def test_only_servers_are_opened(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("{}")
    for address in (file.as_uri(), "ftp://127.0.0.1/secret", "data:,x"):
        with pytest.raises(OSError, match="neither http nor https"):
            post(address, {})
        with pytest.raises(OSError, match="neither http nor https"):
            open_http(address, 1)
