// The color scale: a value of x thresholds has the level x / (x + 1); the threshold is in the middle.
let colorTable = new Uint8Array(768);
let threshold = about.threshold;

// How many times the threshold of the run the moved one is; colors and outlines follow it.
const thresholdRatio = () => Math.max(threshold / about.anchor, 1e-6);

const levelOf = (value, ratio) => value / (value + ratio);

// Return the map as pixels. Low levels fade with the opacity sooner than high ones.
function mapPixels(map, opacity) {
  const pixels = new ImageData(map.width, map.height);
  const ratio = thresholdRatio();
  const data = pixels.data;
  for (let i = 0; i < map.values.length; i++) {
    const level = levelOf(map.values[i], ratio);
    const color = 3 * Math.round(255 * level);
    const faintness = 1 + 4 * (1 - Math.min(1, Math.max(0, (level - 0.42) / 0.1)));
    data[4 * i] = colorTable[color];
    data[4 * i + 1] = colorTable[color + 1];
    data[4 * i + 2] = colorTable[color + 2];
    data[4 * i + 3] = 255 * opacity ** faintness;
  }
  return pixels;
}

function drawKey(canvas) {
  const pixels = new ImageData(256, 1);
  for (let level = 0; level < 256; level++) {
    for (let channel = 0; channel < 3; channel++) {
      pixels.data[4 * level + channel] = colorTable[3 * level + channel];
    }
    pixels.data[4 * level + 3] = 255;
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}
