"""The steps of the method: pure functions of plain arguments."""
