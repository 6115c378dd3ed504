// Distance between two places, and what the focal length's uncertainty makes of it.

/**
 * Distance of two points [X, Y, Z], and half the range that it takes while the focal length varies by `uncertainty`.
 *
 * Depth grows with the focal length that is assumed, rays close up by as much: X and Y stay as they are, only Z
 * is scaled.
 */
export function distance(a, b, uncertainty) {
  const at = scale => Math.hypot(a[0] - b[0], a[1] - b[1], scale * (a[2] - b[2]));
  return { value: at(1), spread: (at(1 + uncertainty) - at(Math.max(0, 1 - uncertainty))) / 2 };
}

const DIAGONAL = Math.hypot(36, 24);

/** Conversions between a focal length in pixels and what people know of their lens. */
export const FOCAL = {
  px: { to: focal => focal, from: value => value },
  mm: {
    to: (focal, width, height) => focal * DIAGONAL / Math.hypot(width, height),
    from: (value, width, height) => value * Math.hypot(width, height) / DIAGONAL,
  },
  deg: {
    to: (focal, width) => 2 * Math.atan(width / 2 / focal) * 180 / Math.PI,
    from: (value, width) => width / 2 / Math.tan(value * Math.PI / 360),
  },
};
