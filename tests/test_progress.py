"""The line of progress, on a terminal and in a file."""

import io

import pytest

from musc2 import progress
from musc2.errors import InputError


class Stream(io.StringIO):
    def __init__(self, is_terminal):
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self):
        return self._is_terminal


@pytest.fixture
def clock(monkeypatch):
    """Hold the time in a list of one number."""
    seconds = [100.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: seconds[0])
    return seconds


def line_on(monkeypatch, is_terminal):
    stream = Stream(is_terminal)
    monkeypatch.setattr("sys.stderr", stream)
    return progress.ProgressLine(), stream


def test_a_terminal_shows_the_share_of_the_whole_and_the_time_left(monkeypatch, clock):
    line, stream = line_on(monkeypatch, True)
    line("read", 1, 2)
    clock[0] += 90
    line("encode", 2, 4)
    clock[0] += 0.05
    line("encode", 3, 4)  # too soon
    line("encode", 4, 4)
    clock[0] += 1
    line("training", 1, 4)
    line.close()
    shown = stream.getvalue().split("\r\x1b[K")
    assert shown == [
        "",
        "  5%  reading parts 1 of 2",
        " 40%  encoding parts 2 of 4, 2:15 left",
        " 70%  encoding parts 4 of 4, 0:39 left",
        " 25%  training 1 of 4, 4:33 left",
        "",
    ]


def test_a_file_gets_a_line_for_each_stage_that_ended(monkeypatch, clock):
    line, stream = line_on(monkeypatch, False)
    line("read", 1, 2)
    clock[0] += 1.5
    line("read", 2, 2)
    line("mutual", 1, 3)
    clock[0] += 2
    line("mutual", 3, 3)
    line.close()
    assert stream.getvalue() == "reading parts 2: 1.5 s\ncomparing layers 3: 2.0 s\n"


def test_a_process_without_a_standard_error_goes_on(monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    line = progress.ProgressLine()
    line("read", 1, 2)
    line.close()


@pytest.mark.parametrize("value", ["yes", 1, 0])
def test_progress_that_cannot_be_called_is_refused(value):
    with (
        pytest.raises(InputError, match="evaluate: progress must be True, False or a callback"),
        progress.reporting(value, "evaluate"),
    ):
        pass


def test_time_in_an_inner_stage_counts_for_it_alone(clock):
    timer = progress.StageTimer()
    with timer.stage("encode"):
        clock[0] += 2
        for _ in timer.waiting("read", [1, 2]):
            clock[0] += 3
        clock[0] += 1
    clock[0] += 50
    assert timer.seconds == {"encode": 9, "read": 0}
