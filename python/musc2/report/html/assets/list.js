// The table: sorting, filtering, verdicts and decisions of its rows.
const body = element("rows");
const rowOf = new Map([...body.rows].map((row) => [Number(row.dataset.index), row]));
const order = { key: "rank", direction: 1 };

const isSuspicious = (part) => part.score > threshold;

const SHOWN = {
  all: () => true,
  suspicious: isSuspicious,
  normal: (part) => !isSuspicious(part),
  good: (part) => decisions.get(part.index) === "good",
  bad: (part) => decisions.get(part.index) === "bad",
  open: (part) => !decisions.has(part.index),
  missed: (part) => part.label && !isSuspicious(part),
  false: (part) => !part.label && isSuspicious(part),
};

const collator = new Intl.Collator(undefined, { numeric: true });
const COMPARED = {
  rank: (a, b) => a.rank - b.rank,
  name: (a, b) => collator.compare(a.name, b.name),
  score: (a, b) => a.score - b.score,
  verdict: (a, b) => isSuspicious(b) - isSuspicious(a) ||
    String(decisions.get(a.index)).localeCompare(String(decisions.get(b.index))),
};

const visibleParts = () =>
  [...body.rows].filter((row) => !row.hidden).map((row) => partOf.get(Number(row.dataset.index)));

function filterRows() {
  const text = element("filter").value.trim().toLowerCase();
  const isShown = SHOWN[element("show").value];
  let count = 0;
  for (const part of parts) {
    const isMatch = part.name.toLowerCase().includes(text) && isShown(part);
    rowOf.get(part.index).hidden = !isMatch;
    count += isMatch;
  }
  element("empty").hidden = count > 0;
}

function sortRows(key) {
  order.direction = order.key === key ? -order.direction : key === "score" ? -1 : 1;
  order.key = key;
  const compare = COMPARED[key];
  const sorted = [...parts].sort((a, b) => order.direction * compare(a, b) || a.rank - b.rank);
  body.append(...sorted.map((part) => rowOf.get(part.index)));
  for (const head of document.querySelectorAll("th[data-sort]")) {
    if (head.dataset.sort !== key) head.removeAttribute("aria-sort");
    else head.setAttribute("aria-sort", order.direction > 0 ? "ascending" : "descending");
  }
}

function showVerdict(part) {
  const row = rowOf.get(part.index);
  const badge = row.querySelector(".badge");
  const verdict = isSuspicious(part) ? "suspicious" : "normal";
  badge.className = `badge ${verdict}`;
  badge.textContent = verdict;
  const decision = decisions.get(part.index);
  row.querySelector(".decision").textContent = decision ? `✓ ${decision}` : "";
}

function showVerdicts() {
  parts.forEach(showVerdict);
  filterRows();
}

function markRow(index) {
  for (const [other, row] of rowOf) {
    const isSelected = other === index;
    if (isSelected) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
    row.tabIndex = isSelected ? 0 : -1;
  }
  rowOf.get(index).scrollIntoView({ block: "nearest" });
}

function startList(select) {
  for (const head of document.querySelectorAll("th[data-sort]")) {
    const button = create("button", "", head.textContent);
    button.type = "button";
    button.addEventListener("click", () => sortRows(head.dataset.sort));
    head.replaceChildren(button);
  }
  element("filter").addEventListener("input", filterRows);
  element("show").addEventListener("change", filterRows);
  element("export").addEventListener("click", exportDecisions);
  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (row) select(Number(row.dataset.index), true);
  });
  rowOf.get(parts[0].index).tabIndex = 0;
}
