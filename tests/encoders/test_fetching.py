import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from musc2 import encoders
from musc2.encoders._checkpoints import fetching
from musc2.errors import FetchError, InputError


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setattr("urllib.request.getproxies", dict)


@pytest.fixture
def site():
    """A web server on this machine; /short breaks off."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(404 if self.path == "/missing" else 200)
            self.send_header("Content-Length", "9" if self.path == "/short" else "7")
            self.end_headers()
            self.wfile.write(b"weights")

        def log_message(self, *about):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def closed_port():
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        port = server.server_port
    return f"http://127.0.0.1:{port}"


def test_a_file_appears_when_it_is_complete(site, tmp_path):
    path = fetching.fetch_file(f"{site}/weights.pth", tmp_path / "cache" / "weights.pth")
    assert path.read_bytes() == b"weights"
    for address, reason in (("short", "broke off after 7 of 9 bytes"), ("missing", "404")):
        with pytest.raises(FetchError, match=reason):
            fetching.fetch_file(f"{site}/{address}", tmp_path / "cache" / "other.pth")
    assert [file.name for file in (tmp_path / "cache").iterdir()] == ["weights.pth"]


def test_a_host_that_refuses_is_said(closed_port, tmp_path):
    with pytest.raises(FetchError, match=r"no network for w.pth: 127.0.0.1:\d+ cannot be reached .*weights=FOLDER"):
        fetching.fetch_file(f"{closed_port}/weights.pth", tmp_path / "w.pth")


def test_a_host_that_never_answers_is_given_up(monkeypatch):
    asleep = threading.Event()
    monkeypatch.setattr(fetching, "PATIENCE", 0.01)
    monkeypatch.setattr(fetching, "_connect", lambda host, port: str(asleep.wait()))
    with pytest.raises(FetchError, match=r"example.org:443 cannot be reached \(no answer in 0.01 seconds\)"):
        fetching.require_network("https://example.org/weights", "weights")
    asleep.set()


def test_the_proxy_is_what_has_to_answer(monkeypatch):
    asked = []
    monkeypatch.setattr("urllib.request.getproxies", lambda: {"https": "http://proxy.example:3128"})
    monkeypatch.setattr("urllib.request.proxy_bypass", lambda host: host == "near.example")
    monkeypatch.setattr(fetching, "_connect", lambda host, port: asked.append((host, port)) or "")
    fetching.require_network("https://far.example/weights", "weights")
    fetching.require_network("https://near.example/weights", "weights")
    assert asked == [("proxy.example", 3128), ("near.example", 443)]


def test_fetching_a_known_network_without_a_network_says_so(monkeypatch, closed_port, empty_caches):
    pytest.importorskip("transformers")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", closed_port)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(FetchError, match="no network for facebook/dino-vitb8"):
        encoders.load("dino-vitb8", download=True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(FetchError, match="HF_HUB_OFFLINE forbids it"):
        encoders.fetch("dino-vitb8")


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        (["README.md", "model.safetensors", "pytorch_model.bin", "config.json"], ["model.safetensors", "config.json"]),
        (
            ["pytorch_model.bin", "tf_model.h5", "preprocessor_config.json"],
            ["pytorch_model.bin", "preprocessor_config.json"],
        ),
    ],
    ids=["safetensors", "bin"],
)
def test_only_the_files_that_loading_needs_are_fetched(monkeypatch, tmp_path, site, files, wanted):
    hub = pytest.importorskip("huggingface_hub")
    fetched = []
    monkeypatch.setattr(hub.constants, "ENDPOINT", site)
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "list_repo_files", lambda repository: files)
    monkeypatch.setattr(hub, "hf_hub_download", lambda repository, file: fetched.append(file) or str(tmp_path / file))
    assert encoders.fetch("someone/network") == tmp_path
    assert fetched == wanted


def test_what_needs_no_weights_is_not_fetched(monkeypatch):
    family = type("family", (), {"NAMES": {"plain": "needs nothing"}})
    monkeypatch.setattr(encoders, "_families", lambda: {"plain": family})
    assert encoders.available("plain")
    with pytest.raises(InputError, match="plain needs no weights"):
        encoders.fetch("plain")
