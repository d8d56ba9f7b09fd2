// The data of the page. The list needs "about"; a part's block is decoded when it is opened.
const about = JSON.parse(document.getElementById("about").textContent);
const parts = about.parts;
const partOf = new Map(parts.map((part) => [part.index, part]));
const opened = new Map();
const MOST_OPENED = 12;

const element = (id) => document.getElementById(id);

function create(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

async function inflate(base64) {
  const stream = new Blob([bytesOf(base64)]).stream();
  const plain = stream.pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(plain).arrayBuffer());
}

const pictureUrl = (base64) => `data:image/jpeg;base64,${base64}`;

async function loadPicture(base64) {
  const picture = new Image();
  picture.src = pictureUrl(base64);
  await picture.decode();
  return picture;
}

// A map as multiples of the threshold: the page holds levels v / (v + threshold) in 8 bits.
async function loadMap(stored) {
  const levels = await inflate(stored.data);
  const values = new Float32Array(levels.length);
  for (let i = 0; i < levels.length; i++) values[i] = levels[i] / (255.5 - levels[i]);
  return { width: stored.size[0], height: stored.size[1], values };
}

function sumOfMaps(maps) {
  const [first, ...others] = maps;
  const values = first.values.slice();
  for (const map of others) map.values.forEach((value, i) => { values[i] += value; });
  return { width: first.width, height: first.height, values };
}

// Planes x, y, z as int16 differences, then level, red, green and blue.
async function loadPoints(stored) {
  const bytes = await inflate(stored.data);
  const count = stored.count;
  const differences = new Int16Array(bytes.buffer, 0, 3 * count);
  const positions = new Int16Array(3 * count);
  for (let axis = 0; axis < 3; axis++) {
    let value = 0;
    for (let i = 0; i < count; i++) {
      value += differences[axis * count + i];
      positions[3 * i + axis] = value;
    }
  }
  const levels = bytes.subarray(6 * count, 7 * count);
  const colors = new Uint8Array(3 * count);
  for (let channel = 0; channel < 3; channel++) {
    for (let i = 0; i < count; i++) colors[3 * i + channel] = bytes[(7 + channel) * count + i];
  }
  return { count, positions, levels, colors, radius: stored.radius };
}

async function decodePart(index) {
  const block = JSON.parse(element(`part-${index}`).textContent);
  const names = Object.keys(block.maps);
  const maps = {};
  for (const name of names) maps[name] = await loadMap(block.maps[name]);
  if (names.length > 0) maps.total = sumOfMaps(names.map((name) => maps[name]));
  return {
    picture: await loadPicture(block.image),
    maps,
    shares: names.length > 1 ? ["total", ...names] : [],
    points: block.points ? await loadPoints(block.points) : null,
    matches: block.matches,
    problem: block.problem,
  };
}

// Return a promise of the part's content; the last few stay decoded.
function loadPart(index) {
  const content = opened.get(index) ?? decodePart(index);
  opened.delete(index);
  opened.set(index, content);
  if (opened.size > MOST_OPENED) opened.delete(opened.keys().next().value);
  return content;
}
