// What stands beside the picture.
import { digits } from "./depthmap.js";
import { FOCAL } from "./measure.js";

const $ = name => document.querySelector(name);
const SOURCES = { given: "given", exif: "from EXIF", assumed: "assumed" };
const FORMATS = [
  ["picture", "Picture", "PNG to look at"], ["png16", "PNG", "16 bits, millimetres"], ["npz", "NPZ", "NumPy arrays"],
  ["exr", "EXR", "float, for film"], ["tiff", "TIFF", "float"], ["pfm", "PFM", "float"],
  ["ply", "PLY", "coloured points"], ["glb", "GLB", "textured mesh"], ["json", "JSON", "the numbers"],
];

/** The bar of colours, with values at equal steps of colour. */
export function fillBar(map, table, [low, high]) {
  const canvas = $(".bar canvas"), context = canvas.getContext("2d"), image = new ImageData(256, 1);
  for (let i = 0; i < 256; i++) image.data.set([...table[255 - i], 255], 4 * i);
  context.putImageData(image, 0, 0);
  const count = window.innerWidth < 520 ? 4 : 6;
  const labels = Array.from({ length: count }, (_, i) => {
    const disparity = high + (low - high) * i / (count - 1);
    const value = map.facts.kind === "affine_disparity" ? disparity : 1 / disparity;
    const label = document.createElement("span");
    label.textContent = Number.isFinite(value) ? digits(value) + map.unit : "";
    return label;
  });
  $(".ticks").replaceChildren(...labels);
}

/** Range, size and notes. */
export function fillFacts(facts, shown) {
  const unit = facts.kind === "metric" ? " m" : "";
  const rows = [
    ["nearest", digits(facts.near) + unit], ["middle", digits(facts.median) + unit], ["farthest", digits(facts.far) + unit],
    ["photo", `${facts.photo.width} × ${facts.photo.height}`],
  ];
  $(".facts").replaceChildren(...rows.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
  const notes = [...facts.notes];
  if (facts.kind !== "metric") notes.push("This model knows no metres: numbers are right up to a factor at best.");
  if (!shown) notes.push("This browser cannot show the photo itself.");
  $(".notes").replaceChildren(...notes.map(note => element("li", note)));
}

/** The focal length in the unit that is chosen, and where it comes from. */
export function fillFocal(facts, edited) {
  const { camera, photo, width } = facts, unit = $(".focal select").value;
  const focal = camera.fx * photo.width / width;
  const value = FOCAL[unit].to(focal, photo.width, photo.height);
  $(".focal input").value = Number(value.toPrecision(4));
  $(".reset").hidden = !edited;
  const source = $(".source");
  source.textContent = SOURCES[camera.focal_source];
  source.className = `source ${camera.focal_source}`;
  const known = camera.focal_uncertainty > 0 ? ` Known to ±${(100 * camera.focal_uncertainty).toPrecision(2)} %:` : "";
  const film = FOCAL.mm.to(focal, photo.width, photo.height), angle = FOCAL.deg.to(focal, photo.width);
  const effect = known ? " so are all metres along the view." : "";
  $(".focal-note").textContent =
    `${focal.toFixed(0)} px is like ${film.toFixed(0)} mm on film, ${angle.toFixed(0)}° wide.${known}${effect}`;
}

/** One button per format. */
export function fillFormats(download) {
  const buttons = FORMATS.map(([format, name, what]) => {
    const button = element("button", name);
    button.type = "button";
    button.dataset.format = format;
    button.append(element("small", what));
    button.onclick = () => download(format, button);
    return button;
  });
  $(".formats").replaceChildren(...buttons);
}

function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}
