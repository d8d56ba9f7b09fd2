// The 3D views: the part by score and by color, and a match, all seen by one camera.
const scanState = { camera: newCamera(), views: [], isDue: false, radius: 1 };

function drawScans() {
  if (scanState.isDue) return;
  scanState.isDue = true;
  requestAnimationFrame(() => {
    scanState.isDue = false;
    if (element("scans").hidden) return;
    const ratio = thresholdRatio();
    for (const view of scanState.views) {
      const points = view.renderer.points;
      const size = points ? points.radius / scanState.radius : 1;
      view.renderer.draw(scanState.camera, { byScore: view.byScore, size, ratio });
    }
  });
}

async function showMatch(index) {
  const content = await loadPart(index);
  if (Number(element("scan-other").value) !== index) return;
  scanState.views[2].renderer.load(content.points);
  element("scan-match").dataset.shown = index;
  drawScans();
}

function showScans(part, content) {
  element("scans").hidden = !content.points;
  if (!content.points) return;
  if (scanState.views.length === 0) startScans();
  scanState.radius = content.points.radius;
  scanState.views[0].renderer.load(content.points);
  scanState.views[1].renderer.load(content.points);
  const others = content.matches.slice(1).map((match) => match.part);
  const candidates = others.length > 0 ? others : parts.filter((p) => p !== part).slice(-1).map((p) => p.index);
  element("scan-other").replaceChildren(...candidates.map((index) => {
    const option = create("option", "", partOf.get(index).name);
    option.value = index;
    return option;
  }));
  if (candidates.length > 0) showMatch(candidates[0]);
  drawScans();
}

function turn(dx, dy) {
  const camera = scanState.camera;
  camera.yaw += dx;
  camera.pitch = Math.min(1.55, Math.max(-1.55, camera.pitch + dy));
  drawScans();
}

function shift(dx, dy) {
  const camera = scanState.camera;
  camera.move = [camera.move[0] + dx / camera.zoom, camera.move[1] - dy / camera.zoom];
  drawScans();
}

function zoom(factor) {
  scanState.camera.zoom = Math.min(20, Math.max(0.3, scanState.camera.zoom * factor));
  drawScans();
}

function resetCamera() {
  scanState.camera = newCamera();
  element("stretch").value = 1;
  element("dot").value = 1;
  drawScans();
}

const SCAN_KEYS = {
  ArrowLeft: () => turn(-0.1, 0),
  ArrowRight: () => turn(0.1, 0),
  ArrowUp: () => turn(0, -0.1),
  ArrowDown: () => turn(0, 0.1),
  "+": () => zoom(1.15),
  "-": () => zoom(1 / 1.15),
  0: resetCamera,
};

// One pointer turns, two pinch and move; with the right button or shift one moves.
function followPointers(canvas) {
  const pointers = new Map();
  const spread = () => {
    const [a, b] = [...pointers.values()];
    return Math.hypot(a.x - b.x, a.y - b.y);
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  canvas.addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) return;
    const before = pointers.size === 2 ? spread() : 0;
    const side = canvas.clientWidth;
    const dx = (event.clientX - last.x) / side;
    const dy = (event.clientY - last.y) / side;
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (pointers.size === 2) {
      shift(dx, dy);
      if (before > 0) zoom(spread() / before);
    } else if (event.buttons === 2 || event.shiftKey) shift(2 * dx, 2 * dy);
    else turn(4 * dx, 4 * dy);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => pointers.delete(event.pointerId));
  }
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 600));
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const action = SCAN_KEYS[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  });
}

function startScans() {
  for (const [id, byScore] of [["scan-score", true], ["scan-color", false], ["scan-match", true]]) {
    const canvas = element(id);
    scanState.views.push({ renderer: newRenderer(canvas), byScore });
    followPointers(canvas);
    new ResizeObserver(drawScans).observe(canvas);
  }
  element("scan-other").addEventListener("change", (event) => showMatch(Number(event.target.value)));
  element("scan-reset").addEventListener("click", resetCamera);
  for (const id of ["stretch", "dot"]) {
    element(id).addEventListener("input", (event) => {
      scanState.camera[id] = Number(event.target.value);
      drawScans();
    });
  }
}
