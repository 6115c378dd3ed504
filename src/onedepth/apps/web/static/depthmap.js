// A depth map in the browser: read from a PFM, asked at a pixel, coloured as the server's pictures are.

const SAMPLE = 50000, PERCENTILES = [0.02, 0.98];

/** Values of one photo and the facts about them. */
export class DepthMap {
  constructor(data, facts) {
    const { width, height, values } = parsePfm(data);
    Object.assign(this, { width, height, values, facts });
    this.metric = facts.kind === "metric";
    this.unit = this.metric ? " m" : "";
  }

  /** Value at a pixel (x, y), or null where there is none. */
  at(x, y) {
    const column = Math.min(this.width - 1, Math.max(0, Math.floor(x)));
    const row = Math.min(this.height - 1, Math.max(0, Math.floor(y)));
    const value = this.values[row * this.width + column];
    return value > 0 && Number.isFinite(value) ? value : null;
  }

  /** Point [X, Y, Z] at a pixel, or null. */
  point(x, y) {
    const z = this.at(x, y), { fx, fy, cx, cy } = this.facts.camera;
    return z === null ? null : [(x - cx) / fx * z, (y - cy) / fy * z, z];
  }

  /** Disparities that get the first and the last colour. */
  range() {
    const step = Math.max(1, Math.floor(this.values.length / SAMPLE)), found = [];
    for (let i = 0; i < this.values.length; i += step) {
      if (this.values[i] > 0) found.push(this.disparity(this.values[i]));
    }
    found.sort((a, b) => a - b);
    if (!found.length) return [0, 1];
    const [low, high] = PERCENTILES.map(p => found[Math.round(p * (found.length - 1))]);
    return high - low > 1e-6 * high ? [low, high] : [low - 0.1 * high, high + 0.1 * high];
  }

  disparity(value) { return this.facts.kind === "affine_disparity" ? value : 1 / value; }

  /** RGBA of the map in a table of colours. */
  picture(table, [low, high]) {
    const image = new ImageData(this.width, this.height), out = image.data;
    for (let i = 0; i < this.values.length; i++) {
      const value = this.values[i];
      let colour = [40, 40, 44];
      if (value > 0) {
        const at = Math.round(255 * (this.disparity(value) - low) / (high - low));
        colour = table[Math.min(255, Math.max(0, at))];
      }
      out[4 * i] = colour[0]; out[4 * i + 1] = colour[1]; out[4 * i + 2] = colour[2]; out[4 * i + 3] = 255;
    }
    return image;
  }
}

function parsePfm(data) {
  const head = new TextDecoder("ascii").decode(new Uint8Array(data, 0, Math.min(64, data.byteLength)));
  const found = /^Pf\n(\d+) (\d+)\n-[\d.]+\n/.exec(head);
  if (!found) throw new Error("the server sent no depth map");
  const width = Number(found[1]), height = Number(found[2]);
  const rows = new Float32Array(data.slice(found[0].length)), values = new Float32Array(rows.length);
  for (let row = 0; row < height; row++) { // PFM goes from the bottom up
    values.set(rows.subarray(row * width, (row + 1) * width), (height - 1 - row) * width);
  }
  return { width, height, values };
}

/** A depth with as many digits as an estimate deserves. */
export function digits(value) {
  return value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0);
}
