// The threshold: its slider under the histogram, its number, and the rejects that it gives.
const MOST_STEPS = 1000;

const levelOfScore = (score) => Math.max(score, 0) / (Math.max(score, 0) + about.anchor);

function positionOf(score) {
  const { low, high } = about.histogram;
  return Math.min(1, Math.max(0, (levelOfScore(score) - low) / (high - low)));
}

function scoreAt(position) {
  const { low, high } = about.histogram;
  const level = Math.min(low + position * (high - low), 0.9999);
  return (level / (1 - level)) * about.anchor;
}

// All scores have as many digits after the point, so that they line up.
const scoreText = (score) => score.toFixed(about.decimals);

function showThreshold() {
  const x = 480 * positionOf(threshold);
  element("cut-line").setAttribute("x1", x);
  element("cut-line").setAttribute("x2", x);
  const cut = 255 * levelOfScore(threshold);
  for (const bar of document.querySelectorAll(".bar")) {
    bar.classList.toggle("above", Number(bar.dataset.level) > cut);
  }
  const rejects = parts.filter((part) => part.score > threshold).length;
  element("reject-count").textContent = rejects;
  element("reject-share").textContent = `(${((100 * rejects) / parts.length).toFixed(1)} %)`;
  element("cut-reset").hidden = threshold === about.threshold;
  const errors = element("errors");
  if (errors) errors.textContent = errorsText();
}

function errorsText() {
  const missed = parts.filter((part) => part.label && !(part.score > threshold)).length;
  const alarms = parts.filter((part) => !part.label && part.score > threshold).length;
  return `${missed} missed ${missed === 1 ? "defect" : "defects"}, ` +
    `${alarms} false ${alarms === 1 ? "alarm" : "alarms"}`;
}

// Call changed() whenever the threshold moves.
function startThreshold(changed) {
  const slider = element("cut-slider");
  const number = element("cut-number");
  const set = (value, source) => {
    threshold = value;
    if (source !== slider) slider.value = MOST_STEPS * positionOf(value);
    if (source !== number) number.value = scoreText(value);
    slider.setAttribute("aria-valuetext", scoreText(value));
    showThreshold();
    changed();
  };
  slider.addEventListener("input", () => set(scoreAt(slider.value / MOST_STEPS), slider));
  number.addEventListener("input", () => {
    if (number.value !== "" && Number.isFinite(number.valueAsNumber)) {
      set(number.valueAsNumber, number);
    }
  });
  element("cut-reset").addEventListener("click", () => set(about.threshold, null));
  set(about.threshold, null);
}
