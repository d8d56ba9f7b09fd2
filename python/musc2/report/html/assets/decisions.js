// The decisions of the person who looks: kept in this browser and exported as a table.
const decisions = new Map();

// Storage may be forbidden, as for files in some browsers; decisions then last as long as the page.
function restoreDecisions() {
  try {
    const stored = JSON.parse(localStorage.getItem(about.key) ?? "{}");
    for (const [index, decision] of Object.entries(stored)) {
      if (partOf.has(Number(index)) && ["good", "bad"].includes(decision)) {
        decisions.set(Number(index), decision);
      }
    }
  } catch { /* nothing was kept */ }
}

function decide(index, decision) {
  if (decisions.get(index) === decision) decisions.delete(index);
  else decisions.set(index, decision);
  try {
    localStorage.setItem(about.key, JSON.stringify(Object.fromEntries(decisions)));
  } catch { /* not kept */ }
}

// A text that a spreadsheet would take for a formula begins with an apostrophe.
const plain = (text) => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);
const quoted = (value) => `"${plain(String(value)).replaceAll('"', '""')}"`;

function decisionsTable() {
  const lines = ["rank,name,path,score,threshold,verdict,decision"];
  for (const part of parts) {
    const verdict = part.score > threshold ? "suspicious" : "normal";
    const cells = [part.rank, quoted(part.name), quoted(part.path), part.score, threshold, verdict];
    lines.push([...cells, decisions.get(part.index) ?? ""].join(","));
  }
  return lines.map((line) => `${line}\r\n`).join("");
}

function exportDecisions() {
  const url = URL.createObjectURL(new Blob([decisionsTable()], { type: "text/csv" }));
  const link = create("a");
  link.href = url;
  link.download = "decisions.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
