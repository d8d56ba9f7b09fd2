// Points in a canvas: by WebGL2, and where there is none, one by one on the 2D canvas.
const VERTICES = `#version 300 es
in vec3 position; in vec3 color; in float level;
uniform mat3 turn; uniform vec2 move; uniform vec4 scale; uniform float ratio; uniform bool byScore;
uniform sampler2D table;
out vec3 shown;
void main() {
  vec3 at = turn * (position * vec3(1.0, 1.0, scale.z));
  float distance = 3.2 - at.z;
  gl_Position = vec4((at.xy + move) * scale.xy * 3.2, (at.z * -0.2) * distance, distance);
  gl_PointSize = scale.w * 3.2 / distance;
  float value = level / (1.002 - level);
  shown = byScore ? texture(table, vec2(value / (value + ratio), 0.5)).rgb : color;
}`;
const FRAGMENTS = `#version 300 es
precision mediump float;
in vec3 shown; out vec4 result;
void main() {
  if (length(gl_PointCoord - 0.5) > 0.5) discard;
  result = vec4(shown, 1.0);
}`;
const COORDINATES = 8191;

// Yaw and pitch turn the part, in radians; move shifts the picture; stretch exaggerates the depth.
function newCamera() {
  return { yaw: -0.35, pitch: -0.5, zoom: 1, move: [0, 0], stretch: 1, dot: 1 };
}

// Return the rotation as rows.
function rotation(camera) {
  const [sy, cy, sp, cp] = [
    Math.sin(camera.yaw), Math.cos(camera.yaw), Math.sin(camera.pitch), Math.cos(camera.pitch),
  ];
  return [[cy, 0, sy], [sp * sy, cp, -sp * cy], [-cp * sy, sp, cp * cy]];
}

// Return points wide enough to touch each other.
function pointSize(points, camera, side) {
  return Math.max(1, (1.7 * camera.dot * camera.zoom * side) / Math.sqrt(points.count));
}

// Fit the canvas to its place on the page; return its sides in device pixels.
function fitCanvas(canvas) {
  const scale = Math.min(window.devicePixelRatio || 1, 2);
  const width = Math.max(1, Math.round(canvas.clientWidth * scale));
  const height = Math.max(1, Math.round(canvas.clientHeight * scale));
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  return [width, height];
}

class PointRenderer {
  constructor(canvas, gl) {
    this.canvas = canvas;
    this.gl = gl;
    this.points = null;
    this.build();
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => {
      this.build();
      if (this.points) this.load(this.points);
    });
  }

  build() {
    const gl = this.gl;
    this.program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTICES], [gl.FRAGMENT_SHADER, FRAGMENTS]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(this.program, shader);
    }
    gl.linkProgram(this.program);
    gl.useProgram(this.program);
    gl.enable(gl.DEPTH_TEST);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB8, 256, 1, 0, gl.RGB, gl.UNSIGNED_BYTE, colorTable);
    for (const axis of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) {
      gl.texParameteri(gl.TEXTURE_2D, axis, gl.CLAMP_TO_EDGE);
    }
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) {
      gl.texParameteri(gl.TEXTURE_2D, filter, gl.LINEAR);
    }
    this.buffers = {};
  }

  uniform(name) {
    return this.gl.getUniformLocation(this.program, name);
  }

  attribute(name, values, size, type, isScaled) {
    const gl = this.gl;
    const location = gl.getAttribLocation(this.program, name);
    this.buffers[name] ??= gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(location);
    gl.vertexAttribPointer(location, size, type, isScaled, 0, 0);
  }

  load(points) {
    const gl = this.gl;
    this.points = points;
    this.attribute("position", Float32Array.from(points.positions, (v) => v / COORDINATES), 3, gl.FLOAT, false);
    this.attribute("color", points.colors, 3, gl.UNSIGNED_BYTE, true);
    this.attribute("level", points.levels, 1, gl.UNSIGNED_BYTE, true);
  }

  // size: the radius of these points in units of that of the part that fills the canvas.
  draw(camera, { byScore, size, ratio }) {
    const gl = this.gl;
    const [width, height] = fitCanvas(this.canvas);
    const side = Math.min(width, height);
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    if (!this.points) return;
    const zoom = 1.3 * camera.zoom * size;
    const turn = rotation(camera);
    const columns = [0, 1, 2].flatMap((column) => turn.map((row) => row[column]));
    gl.uniformMatrix3fv(this.uniform("turn"), false, columns);
    gl.uniform2f(this.uniform("move"), camera.move[0] / size, camera.move[1] / size);
    const dot = pointSize(this.points, camera, side) * size;
    gl.uniform4f(
      this.uniform("scale"), (zoom * side) / width, (zoom * side) / height, camera.stretch, dot,
    );
    gl.uniform1f(this.uniform("ratio"), ratio);
    gl.uniform1i(this.uniform("byScore"), byScore ? 1 : 0);
    gl.drawArrays(gl.POINTS, 0, this.points.count);
  }
}

// The same picture without WebGL2: squares, the nearest last.
class PlainRenderer {
  constructor(canvas) {
    this.canvas = canvas;
    this.points = null;
  }

  load(points) {
    this.points = points;
  }

  draw(camera, { byScore, size, ratio }) {
    const [width, height] = fitCanvas(this.canvas);
    const context = this.canvas.getContext("2d");
    const pixels = context.createImageData(width, height);
    if (this.points) this.fill(pixels, camera, { byScore, size, ratio });
    context.putImageData(pixels, 0, 0);
  }

  fill(pixels, camera, { byScore, size, ratio }) {
    const { width, height } = pixels;
    const { positions, colors, levels, count } = this.points;
    const turn = rotation(camera);
    const side = Math.min(width, height);
    const zoom = 1.3 * camera.zoom * size * 1.6 * side;
    const dot = Math.ceil(pointSize(this.points, camera, side) * size);
    const nearest = new Float32Array(width * height).fill(-Infinity);
    for (let i = 0; i < count; i++) {
      const at = [0, 1, 2].map((axis) => positions[3 * i + axis] / COORDINATES);
      at[2] *= camera.stretch;
      const [x, y, z] = turn.map((row) => row[0] * at[0] + row[1] * at[1] + row[2] * at[2]);
      const distance = 3.2 - z;
      const column = Math.round(width / 2 + ((x + camera.move[0] / size) * zoom) / distance - dot / 2);
      const row = Math.round(height / 2 - ((y + camera.move[1] / size) * zoom) / distance - dot / 2);
      const value = levels[i] / (255.5 - levels[i]);
      const level = Math.round(255 * levelOf(value, ratio));
      const color = byScore ? colorTable.subarray(3 * level) : colors.subarray(3 * i);
      for (let v = Math.max(row, 0); v < Math.min(row + dot, height); v++) {
        for (let u = Math.max(column, 0); u < Math.min(column + dot, width); u++) {
          const pixel = v * width + u;
          if (z <= nearest[pixel]) continue;
          nearest[pixel] = z;
          pixels.data.set([color[0], color[1], color[2], 255], 4 * pixel);
        }
      }
    }
  }
}

function newRenderer(canvas) {
  const gl = canvas.getContext("webgl2", { antialias: true, preserveDrawingBuffer: true });
  return gl ? new PointRenderer(canvas, gl) : new PlainRenderer(canvas);
}
