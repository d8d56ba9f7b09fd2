"""The mutants of a small source are those that one would write by hand."""

import ast

from mutations import mutants
from swapping import can_swap, swap_code

SOURCE = '''
"""Text is left alone."""
LIMIT = 3

@decorator(frozen=True)
def clipped(value: int = 0, *, wide: bool = False) -> int:
    if not wide and value > LIMIT:
        check(value)
        return LIMIT
    return value - 1
'''


def test_every_kind_of_change_is_made_once():
    made = list(mutants(SOURCE))
    assert [mutant.key for mutant in made] == [
        "module: 3 -> 4",
        "module: False -> True",
        "module: 0 -> 1",
        "clipped: if not wide and value > LIMIT: -> if not (not wide and value > LIMIT):",
        "clipped: not wide and value > LIMIT -> not wide or value > LIMIT",
        "clipped: not wide -> not not wide",
        "clipped: value > LIMIT -> value >= LIMIT",
        "clipped: check(value) -> None",
        "clipped: return LIMIT -> return None",
        "clipped: return value - 1 -> return None",
        "clipped: value - 1 -> value + 1",
        "clipped: 1 -> 2",
    ]


def test_a_mutant_knows_its_lines_and_compiles():
    made = list(mutants(SOURCE))
    assert [mutant.lines.start for mutant in made] == [3, 6, 6, 7, 7, 7, 7, 8, 9, 10, 10, 10]
    assert [mutant.at_import for mutant in made] == [True] * 3 + [False] * 9
    for mutant in made:
        compile(mutant.tree, "mutant", "exec")
        assert ast.unparse(mutant.tree) != ast.unparse(ast.parse(SOURCE))


def test_equal_changes_in_one_function_are_numbered():
    keys = [mutant.key for mutant in mutants("def f(a):\n    return [a + 1, a + 1]\n")]
    assert "f: a + 1 -> a - 1" in keys
    assert "f: a + 1 -> a - 1 #2" in keys


def test_functions_take_the_code_of_a_mutant_unless_they_lose_their_variables():
    source = (
        "def outer(low):\n    def above(value):\n        return value > low\n    return above\n"
    )
    names = {}
    exec(compile(source, "made.py", "exec"), names)
    above = names["outer"](3)
    made = {mutant.key: mutant for mutant in mutants(source)}
    functions = [names["outer"], above]
    assert not can_swap(made["outer.above: return value > low -> return None"], functions)
    other = made["outer.above: value > low -> value >= low"]
    assert can_swap(other, functions)
    assert not above(3)
    swap_code(other, functions)
    assert above(3)
