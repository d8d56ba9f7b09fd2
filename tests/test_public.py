import re

import musc2


def test_the_public_names_are_these():
    assert musc2.__all__ == [
        "Cloud",
        "Config",
        "Failure",
        "Part",
        "Region",
        "Result",
        "Scorer",
        "Threshold",
        "__version__",
        "cuda",
        "datasets",
        "encoders",
        "errors",
        "make_cloud",
        "metrics",
        "ops",
        "score",
        "score_tokens",
        "set_num_threads",
        "show_versions",
    ]
    assert all(hasattr(musc2, name) for name in musc2.__all__)


def test_a_data_set_is_there_without_another_import():
    assert len(musc2.datasets.synthetic.parts(2, size=32).rgb) == 2


def test_show_config_prints_the_machine(capsys):
    musc2.set_num_threads(2)
    try:
        assert musc2.show_versions() is None
    finally:
        musc2.set_num_threads(None)
    text = capsys.readouterr().out
    assert re.search(rf"^musc2 +{re.escape(musc2.__version__)}$", text, re.MULTILINE)
    assert re.search(r"^threads +2$", text, re.MULTILINE)
    assert re.search(r"^instruction set +(base|avx2|avx512(vnni|bf16)?)$", text, re.MULTILINE)
    assert re.search(r"^CUDA +\w", text, re.MULTILINE)
    assert re.search(r"^FAISS +(in use|not installed)", text, re.MULTILINE)
