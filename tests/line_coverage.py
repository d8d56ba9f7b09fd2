"""Sum up gcovr's JSON by lines of source: `python tests/line_coverage.py FILE PERCENT`.

A line is compiled once per instruction set and template argument; it counts once, and as run if any
of them ran. The exit status is 1 below the limit.
"""

import json
import sys
from pathlib import Path

content, limit = json.loads(Path(sys.argv[1]).read_text()), float(sys.argv[2])
run, total = 0, 0
for file in content["files"]:
    counts: dict[int, int] = {}
    for line in file["lines"]:
        number = line["line_number"]
        counts[number] = max(counts.get(number, 0), line["count"])
    missed = sorted(number for number, count in counts.items() if not count)
    run += len(counts) - len(missed)
    total += len(counts)
    if missed:
        sys.stdout.write(f"{file['file']}: {len(missed)} of {len(counts)} did not run: {missed}\n")
share = 100 * run / total
sys.stdout.write(f"{run} of {total} lines ran, {share:.1f} %\n")
sys.exit(share < limit)
