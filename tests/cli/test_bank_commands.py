"""``musc2 learn``, ``inspect``, ``watch`` and ``bank``."""

import http.server
import json
import os
import socket
import threading

import parts
import pytest
from PIL import Image

from musc2 import Scorer, cli
from musc2._arguments.bank import DROPS
from musc2.cli import _post, bank_options, watch
from musc2.scorer import STORAGE

COUNT = 6
SMALL = ["--set", "input_size=48", "--encoder-2d", "texture"]


@pytest.fixture
def shop(tmp_path, rng):
    """Return a folder with good parts in ``good`` and two new ones, one defective, in ``new``."""
    pictures = parts.images(rng, COUNT + 2, defect=(COUNT + 1, 20, 40))
    for name in ("good", "new"):
        (tmp_path / name).mkdir()
    for index, picture in enumerate(pictures):
        folder = tmp_path / ("good" if index < COUNT else "new")
        Image.fromarray(picture).save(folder / f"part_{index}.png")
    return tmp_path


@pytest.fixture
def run(capsys):
    def call(*arguments):
        code = cli.main(list(map(str, arguments)))
        return code, capsys.readouterr()

    return call


@pytest.fixture
def bank(shop, run):
    """Return the file of a bank of the good parts."""
    file = shop / "line.musc2"
    code, output = run("learn", shop / "good", *SMALL, "--references-are-good", "--out", file)
    assert code == 0
    assert output.out.startswith(f"{file} holds {COUNT} parts; threshold ")
    return file


def test_inspect_prints_and_writes_as_score_does(shop, bank, run):
    code, output = run(
        "inspect", shop / "new", "--bank", bank, "--out", shop / "out", "--fail-on-suspicious"
    )
    assert code == 3
    assert "1     part_7" in output.out
    assert "1 of 2 parts is suspicious: part_7 (the bank's threshold:" in output.out
    assert (shop / "out" / "scores.csv").exists()
    code, output = run("inspect", shop / "new" / "part_6.png", "--bank", bank, "--json")
    assert code == 0
    assert [row["name"] for row in json.loads(output.out)["parts"]] == ["part_6"]


def test_bank_info_names_settings_that_are_not_the_presets(shop, run, tmp_path):
    path = tmp_path / "tiles.musc2"
    code, output = run("learn", shop / "good", *SMALL, "--set", "tile=32", "--out", path)
    assert code == 0, output.err
    lines = run("bank", "info", "--bank", path)[1].out.splitlines()
    assert lines[2:4] == ["preset: musc-v2", "setting input_size: 48"]
    assert lines[4] == "setting tile: 32"
    assert run("inspect", shop / "new" / "part_6.png", "--bank", path)[0] == 0


def test_bank_info_add_and_remove(shop, bank, run):
    code, output = run("bank", "info", "--bank", bank)
    assert code == 0
    assert output.out.splitlines()[1:3] == ["encoder 2d: texture", "preset: musc-v2"]
    assert output.out.splitlines()[-COUNT:] == [f"  part_{index}" for index in range(COUNT)]
    assert run("bank", "remove", "part_0", "part_3", "--bank", bank)[0] == 0
    assert run("bank", "add", shop / "new" / "part_6.png", "--bank", bank)[0] == 0
    assert Scorer.load(bank).names == ["part_1", "part_2", "part_4", "part_5", "part_6"]
    code, output = run("bank", "remove", "part_0", "--bank", bank)
    assert code == 2
    assert "must be names of parts in the bank, got 'part_0'" in output.err


def test_watch_prints_a_line_per_part(shop, bank, run):
    (shop / "new" / "broken.png").write_bytes(b"no picture")
    (shop / "new" / "notes.txt").write_text("not a part")
    code, output = run("watch", shop / "new", "--bank", bank, "--once")
    lines = output.out.splitlines()
    assert code == 4
    assert lines[0].startswith("broken  not read: Scorer.score: rgb[0]")
    assert [line.split()[0::2] for line in lines[1:]] == [
        ["part_6", "normal", "s"],
        ["part_7", "suspicious", "s"],
    ]


def test_watch_prints_json_lines(shop, bank, run):
    code, output = run("watch", shop / "new", "--bank", bank, "--once", "--json")
    rows = [json.loads(line) for line in output.out.splitlines()]
    assert code == 0
    assert [(row["name"], row["suspicious"]) for row in rows] == [
        ("part_6", False),
        ("part_7", True),
    ]
    assert rows[0]["boxes"] == []
    assert len(rows[1]["boxes"][0]) == 4


def test_watch_waits_until_a_file_stays_the_same(tmp_path):
    arrivals = watch.Arrivals(tmp_path, None, has_images=True)
    file = tmp_path / "a.png"
    file.write_bytes(b"1")
    assert list(arrivals.look()) == []
    file.write_bytes(b"12")
    assert list(arrivals.look()) == []
    assert list(arrivals.look()) == [("a", [file])]
    assert list(arrivals.look()) == []
    (tmp_path / "b.png").write_bytes(b"1")
    assert list(arrivals.look(is_last=True)) == [("b", [tmp_path / "b.png"])]


def test_watch_waits_for_the_scan(tmp_path):
    for name in ("rgb", "pcd"):
        (tmp_path / name).mkdir()
    files = [tmp_path / "rgb" / "a.png", tmp_path / "pcd" / "a.tiff"]
    arrivals = watch.Arrivals(tmp_path / "rgb", tmp_path / "pcd", has_images=True)
    files[0].write_bytes(b"1")
    assert list(arrivals.look(is_last=True)) == []
    files[1].write_bytes(b"1")
    assert list(arrivals.look(is_last=True)) == [("a", files)]


def test_watch_goes_on_until_it_is_interrupted(shop, bank, run, monkeypatch):
    looks = []

    def sleep(seconds):
        looks.append(seconds)
        if len(looks) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(watch.time, "sleep", sleep)
    code, output = run("watch", shop / "new", "--bank", bank, "--interval", 0.25)
    assert code == 130
    assert looks == [0.25] * 3
    assert len(output.out.splitlines()) == 2


class Receiver(http.server.BaseHTTPRequestHandler):
    """Answer with the statuses of the server one after the other, then 200; keep what came."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(json.loads(body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.end_headers()

    def log_message(self, *_):
        """Stay silent."""


@pytest.fixture
def receiver(monkeypatch):
    monkeypatch.setattr(_post, "PAUSES", (0.0, 0.0))
    with http.server.HTTPServer(("127.0.0.1", 0), Receiver) as server:
        server.bodies, server.statuses = [], []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def address(server):
    return f"http://127.0.0.1:{server.server_port}/verdicts"


def test_watch_posts_what_it_prints(shop, bank, run, receiver):
    (shop / "new" / "broken.png").write_bytes(b"no picture")
    receiver.statuses = [503, 500]  # passing troubles of the server
    options = ("--bank", bank, "--once", "--json", "--post", address(receiver))
    code, output = run("watch", shop / "new", *options)
    assert code == 4
    assert receiver.bodies[2:] == [json.loads(line) for line in output.out.splitlines()]
    assert receiver.bodies[0] == receiver.bodies[1] == receiver.bodies[2]
    assert "was not posted" not in output.err


def test_a_verdict_that_does_not_arrive_is_named_and_printed(shop, bank, run, receiver):
    receiver.statuses = [404]  # not tried again
    options = ("--bank", bank, "--once", "--post", address(receiver))
    code, output = run("watch", shop / "new", *options)
    assert (code, len(output.out.splitlines()), len(receiver.bodies)) == (0, 2, 2)
    assert "watch: part_6 was not posted: 404" in output.err
    assert "part_7 was not posted" not in output.err


def test_a_server_that_does_not_answer_stops_nothing(shop, bank, run, monkeypatch):
    monkeypatch.setattr(_post, "PAUSES", (0.0, 0.0))
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # refuses connections
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        code, output = run("watch", shop / "new", "--bank", bank, "--once", "--post", url)
    assert (code, len(output.out.splitlines())) == (0, 2)
    assert output.err.count("was not posted") == 2


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://a/b", "verdicts", "http://", "http://[", "http://a/\n"]
)
def test_other_addresses_are_refused(shop, bank, run, url):
    code, output = run("watch", shop / "new", "--bank", bank, "--once", "--post", url)
    assert (code, "--post must be an http or https address" in output.err) == (2, True)


def test_errors_name_the_option(shop, bank, run):
    code, output = run("watch", shop / "none", "--bank", bank, "--once")
    assert (code, "watch: FOLDER must be a folder" in output.err) == (2, True)
    code, output = run("watch", shop / "new", "--pcd", shop, "--bank", bank, "--once")
    assert (code, "--pcd must be left out, as in the bank" in output.err) == (2, True)
    code, output = run("inspect", shop / "new", "--bank", shop / "none.musc2")
    assert (code, "none.musc2" in output.err) == (2, True)


def test_the_parser_knows_the_library(shop, bank):
    assert set(bank_options.STORAGES) == set(STORAGE)
    assert bank_options.DROPS == DROPS
    assert os.path.getsize(bank) > 0
