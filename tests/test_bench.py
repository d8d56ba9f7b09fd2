"""What the benchmarks share, without timing anything."""

import sys

import numpy as np
import pytest
import torch

from bench import bank_latency, compare
from bench.quality import __main__ as quality
from bench.quality import table


def test_the_columns_of_quality_tables_are_metrics_of_evaluation_in_percent():
    masks = np.zeros((2, 4, 4), bool)
    masks[1, 1:3, 1:3] = True
    labels = np.array([False, True])
    values = table.percentages(torch.tensor([0.0, 1.0]), labels, torch.tensor(masks * 1.0), masks)
    assert values == dict.fromkeys(table.COLUMNS, 100.0)
    reversed_values = table.percentages(
        torch.tensor([1.0, 0.0]), labels, torch.tensor(masks * -1.0), masks
    )
    assert reversed_values["I-AUROC"] == 0
    assert reversed_values["P-AUROC"] == 0


def test_a_header_has_as_many_columns_as_its_rule():
    names, rule = table.header("encoder", "preset", after=("seeds",)).split("\n")
    assert names.count("|") == rule.count("|") == len(table.COLUMNS) + 4


@pytest.mark.parametrize("command", ["images", "synthetic", "aupro", "thresholds"])
def test_quality_explains_its_commands(monkeypatch, capsys, command):
    monkeypatch.setattr(sys, "argv", ["quality", command, "--help"])
    with pytest.raises(SystemExit, match="0"):
        quality.main()
    assert quality.COMMANDS[command].__doc__.splitlines()[0] in capsys.readouterr().out


def test_compare_pairs_both_sides_by_round():
    def entry(side, median):
        info = {"side": side, "target": 3.0}
        return {"name": side, "group": "op", "extra_info": info, "stats": {"median": median}}

    rounds = [
        [entry("candidate", 1.0), entry("baseline", 2.0)],
        [entry("candidate", 2.0), entry("baseline", 16.0)],
        [entry("candidate", 4.0), entry("baseline", 16.0)],
    ]
    [row] = compare.collect(rounds)
    assert (row.candidate, row.baseline, row.ratios, row.ratio) == (2.0, 16.0, [2, 8, 4], 4)
    assert "| op | 2.00 s | 16.0 s | 4.0 | 3 | 2.0 8.0 4.0 |" in compare.markdown([row], [])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (21.34, "21.3 s"),
        (0.9996, "1.00 s"),
        (5.424e-3, "5.42 ms"),
        (3.88e-5, "38.8 µs"),
        (999.6, "1000 s"),
    ],
)
def test_times_have_three_digits_and_a_unit(seconds, text):
    assert compare.readable(seconds) == text


def test_the_latency_of_a_bank_is_a_table_by_its_size(monkeypatch):
    monkeypatch.setattr(bank_latency, "COLUMNS", (("2D", "window"), ("2D", "a tenth")))
    head, rule, *rows = bank_latency.table([2, 3], 1, 32)
    assert head == "| references | 2D, window | 2D, a tenth |"
    assert rule.count("|") == 4
    assert [row.split(" | ")[0] for row in rows] == ["| 2", "| 3"]


def test_the_latency_of_a_bank_is_not_timed_when_its_scores_are_wrong(monkeypatch):
    class Wrong(bank_latency.Scorer):
        def score(self, *arguments, **options):
            result = super().score(*arguments, **options)
            result.scores.mul_(1.01)
            return result

    monkeypatch.setattr(bank_latency, "Scorer", Wrong)
    monkeypatch.setattr(bank_latency, "COLUMNS", (("2D", "plain"),))
    with pytest.raises(AssertionError, match="not close"):
        list(bank_latency.table([2], 1, 32))
