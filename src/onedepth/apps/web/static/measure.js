// Distance between two places and how sure it is: what `onedepth.measure` does, where the pointer is.

const PICK = 0.5, EDGE = 0.1; // pixels by which a click misses; jump of depth, relative, that makes an edge

function errorsAt(table, z) {
  const row = table.findLast(each => z >= each[0]) ?? table[0];
  return { common: row[2], local: row[3] };
}

/**
 * Distance of two points [X, Y, Z] and its standard deviation: from the scale of the photo's depth, from the depths of
 * the two places, from the focal length, and from where one clicked.
 *
 * Depth grows with the focal length that is assumed and rays close up by as much: X and Y stay as they are, only Z
 * is stretched. So what lies across the view does not depend on the focal length.
 */
export function distance(a, b, camera, table) {
  const way = a.map((value, i) => b[i] - value), value = Math.hypot(...way);
  if (value === 0) return { value, spread: 0 };
  const unit = way.map(part => part / value), errors = [a, b].map(end => errorsAt(table, end[2]));
  const along = [a, b].map(end => unit[0] * end[0] + unit[1] * end[1] + unit[2] * end[2]);
  const parts = [
    value * Math.max(...errors.map(each => each.common)),
    ...along.map((part, i) => part * errors[i].local),
    value * unit[2] ** 2 * camera.focal_uncertainty,
    ...[a, b].map(end => PICK * end[2] * Math.hypot(unit[0] / camera.fx, unit[1] / camera.fy)),
  ];
  return { value, spread: Math.hypot(...parts) };
}

/** Whether the depth jumps beside a pixel, so that a click may mean either side. */
export function atEdge(map, [x, y]) {
  const around = [-1, 0, 1].flatMap(dy => [-1, 0, 1].map(dx => map.at(x + dx, y + dy))).filter(z => z !== null);
  return Math.max(...around) > (1 + EDGE) * Math.min(...around);
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
