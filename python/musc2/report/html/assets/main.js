// The page as a whole: the selected part, and the keys.
const selection = { index: parts[0].index };
const isWide = window.matchMedia("(min-width: 1000px)");

function fact(name, ...values) {
  const pair = create("div");
  const value = create("dd");
  value.append(...values);
  pair.append(create("dt", "", name), value);
  return pair;
}

function shareBar(share) {
  const bar = create("span", "share");
  const image = create("i");
  image.style.width = `${100 * (1 - share)}%`;
  bar.append(image, create("i"));
  const percent = Math.round(100 * share);
  return [`2D ${100 - percent} % `, bar, ` 3D ${percent} %`];
}

function regionText(regions) {
  if (regions.count === 0) return "none";
  const size = `${regions.width} × ${regions.height} px, ${(100 * regions.share).toFixed(1)} %`;
  return regions.count === 1 ? size : `${regions.count}, the worst ${size}`;
}

function showHeading(part) {
  element("part-rank").textContent = `#${part.rank}`;
  element("part-name").textContent = part.name;
  element("part-path").textContent = part.path;
  element("large-name").textContent = part.name;
  const verdict = isSuspicious(part) ? "suspicious" : "normal";
  const facts = [
    fact("Score", scoreText(part.score)),
    fact("Times the threshold", `${(part.score / Math.max(threshold, 1e-12)).toFixed(2)} ×`),
    fact("Verdict", create("span", `badge ${verdict}`, verdict)),
  ];
  if (part.regions) facts.push(fact("Regions of the map", regionText(part.regions)));
  if (part.share !== null) facts.push(fact("At the peak", ...shareBar(part.share)));
  if (part.label !== null) facts.push(fact("Label", part.label ? "defect" : "good"));
  element("numbers").replaceChildren(...facts);
  for (const decision of ["good", "bad"]) {
    element(decision).setAttribute("aria-pressed", decisions.get(part.index) === decision);
  }
}

// Show a part; where list and part do not fit side by side, only with isOpened.
async function select(index, isOpened) {
  selection.index = index;
  const part = partOf.get(index);
  markRow(index);
  if (!isWide.matches && !isOpened && element("detail").hidden) return;
  element("detail").hidden = false;
  showHeading(part);
  const content = await loadPart(index);
  if (selection.index !== index) return;
  showPictures(content);
  showMatches(content, (other) => select(other, true));
  showScans(part, content);
  element("detail").dataset.shown = index;
}

function step(by) {
  const visible = visibleParts();
  const place = visible.findIndex((part) => part.index === selection.index);
  const part = visible[place < 0 ? 0 : Math.min(Math.max(place + by, 0), visible.length - 1)];
  if (!part) return;
  const hadRow = document.activeElement?.closest?.("#rows");
  select(part.index, false);
  if (hadRow) rowOf.get(part.index).focus({ preventScroll: true });
}

function decideSelected(decision) {
  decide(selection.index, decision);
  showVerdict(partOf.get(selection.index));
  showHeading(partOf.get(selection.index));
}

function back() {
  if (!isWide.matches) element("detail").hidden = true;
  rowOf.get(selection.index).focus();
}

function enter() {
  if (element("detail").hidden || isWide.matches === false) select(selection.index, true);
  else document.querySelector('.picture[data-view="outline"]').click();
}

const KEYS = {
  ArrowDown: () => step(1),
  ArrowUp: () => step(-1),
  Enter: enter,
  g: () => decideSelected("good"),
  b: () => decideSelected("bad"),
  "/": () => element("filter").focus(),
  Escape: back,
};

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target;
  const isTyping = target.matches("input, select, textarea");
  if (isTyping && event.key === "Escape") target.blur();
  if (isTyping || (event.key === "Enter" && target.matches("button, summary, a"))) return;
  const isLarge = element("large").open;
  if (isLarge && !["ArrowDown", "ArrowUp", "g", "b"].includes(event.key)) return;
  const action = KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

async function main() {
  if (!("DecompressionStream" in window) || !("OffscreenCanvas" in window)) {
    element("old").hidden = false; // the list works as without scripts
    return;
  }
  document.documentElement.classList.add("scripted");
  restoreDecisions();
  colorTable = await inflate(about.colors);
  startList(select);
  startPictures();
  startThreshold(() => {
    showVerdicts();
    drawPictures();
    drawScans();
    if (!element("detail").hidden) showHeading(partOf.get(selection.index));
  });
  for (const [id, action] of [
    ["previous", () => step(-1)],
    ["next", () => step(1)],
    ["back", back],
    ["good", () => decideSelected("good")],
    ["bad", () => decideSelected("bad")],
  ]) element(id).addEventListener("click", action);
  document.addEventListener("keydown", pressed);
  isWide.addEventListener("change", () => select(selection.index, false));
  await select(parts[0].index, false);
  document.documentElement.dataset.ready = Math.round(performance.now());
}

main();
