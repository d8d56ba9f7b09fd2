"""Fetching weights, from web servers on this machine: no test leaves it."""

import hashlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from musc2 import encoders
from musc2.encoders._checkpoints import fetching
from musc2.errors import FetchError, InputError

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
COMMIT = "a" * 40


@pytest.fixture(autouse=True)
def only_this_machine(monkeypatch):
    """Use no proxy and look up no other host."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    look_up = socket.getaddrinfo

    def look_up_here(host, *arguments, **options):
        assert host == "127.0.0.1", f"a test wants to reach {host}"
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up_here)


@pytest.fixture
def serve():
    """Start a web server that answers with ``respond(path) -> (status, headers, body)``."""
    servers = []

    def start(respond):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                status, headers, body = respond(self.path)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, *arguments):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def site(serve):
    """A web server whose files are 7 bytes; /short promises 9, /missing is not there."""

    def respond(path):
        if path == "/missing":
            return 404, {}, b""
        return 200, {"Content-Length": "9"} if path == "/short" else {}, CONTENT

    return serve(respond)


@pytest.fixture
def hub(serve, monkeypatch, empty_caches):
    """Start a hub with one repository, someone/network, and point the client there."""
    pytest.importorskip("transformers")
    huggingface_hub = pytest.importorskip("huggingface_hub")

    def start(files):
        def respond(path):
            path = path.split("?")[0]
            api, raw = "/api/models/someone/network", f"/someone/network/resolve/{COMMIT}/"
            if path.startswith(f"{api}/tree/"):
                tree = [{"type": "file", "path": name, "size": 7, "oid": name} for name in files]
                return 200, {"Content-Type": "application/json"}, json.dumps(tree).encode()
            if path.startswith(api):
                siblings = [{"rfilename": name} for name in files]
                info = {"id": "someone/network", "sha": COMMIT, "siblings": siblings}
                return 200, {"Content-Type": "application/json"}, json.dumps(info).encode()
            name = path.removeprefix(raw)
            if path.startswith(raw) and name in files:
                return 200, {"ETag": f'"{name}"', "X-Repo-Commit": COMMIT}, CONTENT
            if path == "/":
                return 200, {}, b""
            return 404, {"X-Error-Code": "RepoNotFound"}, b""

        constants, endpoint = huggingface_hub.constants, serve(respond)
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, endpoint)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)

    return start


@pytest.fixture
def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"http://127.0.0.1:{port}"


def test_a_file_appears_when_it_is_complete(site, tmp_path):
    path = fetching.fetch_file(f"{site}/weights.pth", tmp_path / "cache" / "weights.pth")
    assert path.read_bytes() == CONTENT
    for address, reason in (("short", "broke off after 7 of 9 bytes"), ("missing", "404")):
        with pytest.raises(FetchError, match=reason):
            fetching.fetch_file(f"{site}/{address}", tmp_path / "cache" / "other.pth")
    names = sorted(file.name for file in (tmp_path / "cache").iterdir())
    assert names == ["weights.pth", "weights.pth.sha256"]


def test_a_file_with_another_hash_is_refused(site, tmp_path):
    path = tmp_path / "weights.pth"
    with pytest.raises(FetchError, match="is not the expected file: invalid hash"):
        fetching.fetch_file(f"{site}/weights.pth", path, sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []
    assert fetching.fetch_file(f"{site}/weights.pth", path, sha256=SHA256[:8]) == path


def test_a_file_that_changed_since_it_was_fetched_is_refused(site, tmp_path):
    path = fetching.fetch_file(f"{site}/weights.pth", tmp_path / "weights.pth")
    fetching.check_recorded_hash(path)
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(InputError, match=r"weights.pth has changed since it was fetched"):
        fetching.check_recorded_hash(path)
    fetching.check_recorded_hash(fetching.fetch_file(f"{site}/weights.pth", path))
    own = tmp_path / "own.pth"
    own.write_bytes(b"brought by hand")
    fetching.check_recorded_hash(own)


def test_a_host_that_refuses_is_named(closed_port, tmp_path):
    url = f"{closed_port}/weights.pth"
    with pytest.raises(
        FetchError, match=rf"{url} could not be fetched \(.*refused.*`musc2 weights add FILE`"
    ):
        fetching.fetch_file(url, tmp_path / "w.pth")


def test_a_host_that_never_answers_is_given_up(monkeypatch, tmp_path):
    monkeypatch.setattr(fetching, "TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/weights.pth"
        with pytest.raises(FetchError, match=r"could not be fetched \(.*timed out"):
            fetching.fetch_file(url, tmp_path / "w.pth")


def test_a_hub_that_never_answers_is_given_up(monkeypatch, hub):
    from huggingface_hub import constants

    hub([])
    monkeypatch.setattr(fetching, "TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(FetchError, match=r"dino-vitb8 could not be fetched from .*timed out"):
            encoders.fetch("dino-vitb8")


def test_without_a_network_the_error_tells_what_to_do(monkeypatch, closed_port, empty_caches):
    pytest.importorskip("transformers")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", closed_port)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(FetchError, match=r"dino-vitb8 could not be .*`musc2 weights add FILE`"):
        encoders.load("dino-vitb8", download=True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(FetchError, match="HF_HUB_OFFLINE is set"):
        encoders.fetch("dino-vitb8")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            ["README.md", "model.safetensors", "pytorch_model.bin", "config.json"],
            ["config.json", "model.safetensors"],
        ),
        (
            [
                "pytorch_model.bin",
                "tf_model.h5",
                "preprocessor_config.json",
                "model.fp16.safetensors",
            ],
            ["preprocessor_config.json", "pytorch_model.bin"],
        ),
    ],
    ids=["safetensors", "bin"],
)
def test_only_the_files_that_loading_needs_are_fetched(hub, files, expected):
    hub(files)
    folder = encoders.fetch("someone/network")
    assert sorted(file.name for file in folder.iterdir()) == expected
    assert encoders.available("someone/network")


def test_a_repository_without_weights_is_refused(hub):
    hub(["config.json", "README.md"])
    with pytest.raises(FetchError, match=r"has neither model.safetensors nor pytorch_model.bin"):
        encoders.fetch("someone/network")


def test_a_repository_that_does_not_exist_is_named(hub):
    hub([])
    with pytest.raises(FetchError, match="has no repository someone/else that you may read"):
        encoders.fetch("someone/else")


def test_what_needs_no_weights_is_not_fetched(monkeypatch):
    family = type("family", (), {"NAMES": {"plain": "needs nothing"}})
    monkeypatch.setattr(encoders, "_families", lambda: {"plain": family})
    assert encoders.available("plain")
    with pytest.raises(InputError, match="plain needs no weights"):
        encoders.fetch("plain")
