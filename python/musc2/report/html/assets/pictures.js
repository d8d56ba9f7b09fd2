// The pictures of a part: image, map over the image, and the outline where the map crosses the
// threshold.
const OUTLINE = "#4ff2ff";
const SHARP = 800; // pixels along the longer side, at least, so that outlines of small pictures are
const pictureState = { content: null, share: "total" };

const shownMap = () => pictureState.content?.maps[pictureState.share];

// Return the outline as a path in a picture of this size, by marching squares. Outside the map is 0.
function outlinePath(map, level, width, height) {
  const path = new Path2D();
  const value = (column, row) => {
    const isInside = column >= 0 && row >= 0 && column < map.width && row < map.height;
    return isInside ? map.values[row * map.width + column] : 0;
  };
  const x = (column) => ((Math.min(Math.max(column, -0.5), map.width - 0.5) + 0.5) * width) / map.width;
  const y = (row) => ((Math.min(Math.max(row, -0.5), map.height - 0.5) + 0.5) * height) / map.height;
  const between = (a, b) => (level - a) / (b - a);
  for (let row = -1; row < map.height; row++) {
    for (let column = -1; column < map.width; column++) {
      const corners = [
        value(column, row), value(column + 1, row),
        value(column + 1, row + 1), value(column, row + 1),
      ];
      const crossings = [];
      for (let side = 0; side < 4; side++) {
        const from = corners[side];
        const to = corners[(side + 1) % 4];
        if (from > level === to > level) continue;
        const t = between(from, to);
        const step = [[t, 0], [1, t], [1 - t, 1], [0, 1 - t]][side];
        crossings.push([x(column + step[0]), y(row + step[1])]);
      }
      for (let i = 0; i + 1 < crossings.length; i += 2) {
        path.moveTo(...crossings[i]);
        path.lineTo(...crossings[i + 1]);
      }
    }
  }
  return path;
}

function drawMap(context, opacity) {
  const map = shownMap();
  if (!map || opacity === 0) return;
  const small = new OffscreenCanvas(map.width, map.height);
  small.getContext("2d").putImageData(mapPixels(map, opacity), 0, 0);
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, context.canvas.width, context.canvas.height);
}

function drawOutline(context) {
  const map = shownMap();
  if (!map) return;
  const { width, height } = context.canvas;
  const path = outlinePath(map, thresholdRatio(), width, height);
  const line = Math.max(width, height) / 300;
  context.lineCap = "round";
  context.strokeStyle = "#000c";
  context.lineWidth = 2.6 * line;
  context.stroke(path);
  context.strokeStyle = OUTLINE;
  context.lineWidth = 1.2 * line;
  context.stroke(path);
}

function drawPicture(canvas, { opacity = 0, outline = false }) {
  const { picture } = pictureState.content;
  const scale = Math.max(1, SHARP / Math.max(picture.naturalWidth, picture.naturalHeight));
  canvas.width = Math.round(picture.naturalWidth * scale);
  canvas.height = Math.round(picture.naturalHeight * scale);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  drawMap(context, opacity);
  if (outline) drawOutline(context);
}

function drawPictures() {
  if (!pictureState.content) return;
  const opacity = element("opacity").value / 100;
  const settings = { image: {}, map: { opacity }, outline: { outline: true } };
  for (const button of document.querySelectorAll(".picture")) {
    drawPicture(button.firstElementChild, settings[button.dataset.view]);
    button.setAttribute("aria-label", `Enlarge: ${button.dataset.view}`);
  }
  if (element("large").open) drawLarge();
}

function drawLarge() {
  const opacity = element("large-opacity").value / 100;
  drawPicture(element("large-canvas"), { opacity, outline: element("large-outline").checked });
  const { width, height } = element("large-canvas");
  const scale = Math.min((window.innerWidth * 0.92) / width, (window.innerHeight - 130) / height);
  element("large-canvas").style.width = `${Math.floor(width * scale)}px`;
}

function openLarge(view) {
  element("large-opacity").value = view === "map" ? element("opacity").value : 0;
  element("large-outline").checked = view === "outline";
  element("large").showModal();
  drawLarge();
}

const SHARE_NAMES = { total: "Both", "2d": "2D", "3d": "3D" };

function showShares(shares) {
  const group = element("shares");
  group.replaceChildren();
  for (const share of shares) {
    const button = create("button", "", SHARE_NAMES[share]);
    button.type = "button";
    button.setAttribute("aria-pressed", share === pictureState.share);
    button.addEventListener("click", () => {
      pictureState.share = share;
      showShares(shares);
      drawPictures();
    });
    group.append(button);
  }
}

function showPictures(content) {
  pictureState.content = content;
  if (!content.maps[pictureState.share]) pictureState.share = "total";
  element("problem").hidden = !content.problem;
  element("problem").textContent = `The picture could not be read again: ${content.problem}`;
  showShares(content.shares);
  drawPictures();
}

function startPictures() {
  drawKey(element("key"));
  element("opacity").addEventListener("input", drawPictures);
  for (const button of document.querySelectorAll(".picture")) {
    button.addEventListener("click", () => openLarge(button.dataset.view));
  }
  element("large-opacity").addEventListener("input", drawLarge);
  element("large-outline").addEventListener("change", drawLarge);
  element("large-close").addEventListener("click", () => element("large").close());
  element("large").addEventListener("click", (event) => {
    if (event.target === element("large")) element("large").close();
  });
}
