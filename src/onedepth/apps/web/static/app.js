// The page: one photo at a time, and what is known about it.
import * as api from "./api.js";
import { Compare } from "./compare.js";
import { DepthMap, digits } from "./depthmap.js";
import { atEdge, distance, FOCAL } from "./measure.js";
import { fillBar, fillFacts, fillFocal, fillFormats } from "./panels.js";
import { takePhoto } from "./webcam.js";

const SIDE = 1024, VERTICES = 250000; // of what is shown; files come in full size
const $ = name => document.querySelector(name);
const state = { photo: null, bitmap: null, map: null, focal: null, limits: null, glb: false, running: null };
const compare = new Compare($("#compare"), measured);
let table = null, modelView = null;

function say(error) {
  if (error.name === "AbortError") return;
  $(".message span").textContent = error.message;
  $(".message").hidden = false;
}

const guarded = action => async (...given) => {
  $(".message").hidden = true;
  try { await action(...given); } catch (error) { say(error); }
};

function busy(text) {
  $(".busy").hidden = text === null;
  if (text !== null) $(".busy span").textContent = text;
}

async function open(photo) {
  if (state.limits && photo.size > state.limits.max_upload_bytes) {
    throw new Error(`The photo has ${(photo.size / 2 ** 20).toFixed(0)} MiB; this server takes ${(state.limits.max_upload_bytes / 2 ** 20).toFixed(0)}.`);
  }
  const before = { ...state };
  Object.assign(state, { photo, focal: null, bitmap: await createImageBitmap(photo).catch(() => null) });
  try {
    await measure();
  } catch (error) {
    Object.assign(state, { photo: before.photo, focal: before.focal, bitmap: before.bitmap });
    throw error;
  }
}

async function measure() {
  state.running?.abort();
  state.running = new AbortController();
  const first = $(".work").hidden;
  if (first) { $(".start").hidden = true; $(".work").hidden = false; }
  busy("Measuring");
  try {
    const found = await api.depth(state.photo, { format: "pfm", side: SIDE, focal: state.focal }, state.running.signal);
    table ??= await api.colours();
    if (!state.limits) await about(); // its errors of depth stand in every length
    show(new DepthMap(found.data, found.facts));
  } catch (error) {
    if (first && error.name !== "AbortError") { $(".start").hidden = false; $(".work").hidden = true; }
    throw error;
  } finally {
    busy(null);
  }
}

function show(map) {
  const range = map.range();
  Object.assign(state, { map, glb: false });
  $(".again").hidden = false;
  compare.show(map, map.picture(table, range), state.bitmap);
  fillBar(map, table, range);
  fillFacts(map.facts, state.bitmap !== null);
  fillFocal(map.facts, state.focal !== null);
  if (!$("#model").hidden) guarded(showModel)();
}

function measured(picked) {
  const { map } = state, out = $(".distance"), note = $(".distance-note");
  const points = map ? picked.map(at => map.point(...at)) : [];
  if (points.length < 2 || points.includes(null)) {
    out.textContent = "–";
    note.textContent = points.length ? "Now the second place." : "Click two places in the picture.";
    return "";
  }
  if (map.facts.kind === "affine_disparity") {
    note.textContent = "This model knows no metres, only an order.";
    return "";
  }
  const { value, spread } = distance(...points, map.facts.camera, state.limits?.depth_errors ?? [[0, 1, 0, 0]]);
  const text = digits(value) + map.unit;
  out.textContent = text;
  if (spread >= 0.005 * value) {
    const more = document.createElement("small");
    more.textContent = ` ± ${spread.toFixed((digits(value).split(".")[1] ?? "").length)}${map.unit}`;
    out.append(more);
  }
  const ends = points.map(point => digits(point[2]) + map.unit).join(" and ");
  const edge = picked.some(at => atEdge(map, at)) ? " A place lies at an edge: it may be of either side." : "";
  note.textContent = `Between places ${ends} away; ± is one standard deviation, of model and focal length.${edge}`;
  return text;
}

async function showModel() {
  if (!state.map || state.glb) return;
  const { map, focal, photo } = state;
  busy("Building the model");
  try {
    const query = { format: "glb", vertices: VERTICES, side: SIDE, focal };
    const [{ ModelView }, found] = await Promise.all([import("./model.js"), api.depth(photo, query)]);
    modelView ??= new ModelView($("#model"));
    if (state.map !== map) return;
    await modelView.show(found.data, found.facts, map.width / map.height);
    state.glb = true;
  } finally {
    busy(null);
  }
}

function tab(name) {
  for (const each of ["compare", "model"]) {
    $(`#${each}`).hidden = each !== name;
    $(`#tab-${each}`).setAttribute("aria-selected", each === name);
  }
  $(".how").hidden = $(".bar").hidden = name === "model";
  if (name === "model") { if (modelView) modelView.fit(); guarded(showModel)(); } else compare.fit();
}

async function download(format, button) {
  button.classList.add("working");
  button.disabled = true;
  try {
    const found = await api.depth(state.photo, { format, focal: state.focal });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([found.data], { type: found.type }));
    link.download = found.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  } finally {
    button.classList.remove("working");
    button.disabled = false;
  }
}

const files = transfer => [...(transfer?.files ?? [])];
const actions = {
  choose: () => $(".file").click(),
  webcam: async () => {
    const photo = await takePhoto();
    if (photo) await open(photo);
  },
};

function listen() {
  for (const button of document.querySelectorAll("[data-do]")) button.onclick = guarded(actions[button.dataset.do]);
  $(".file").onchange = guarded(async event => {
    const [photo] = event.target.files;
    event.target.value = "";
    if (photo) await open(photo);
  });
  document.addEventListener("dragover", event => { event.preventDefault(); document.body.classList.add("over"); });
  document.addEventListener("dragleave", event => { if (!event.relatedTarget) document.body.classList.remove("over"); });
  document.addEventListener("drop", guarded(async event => {
    event.preventDefault();
    document.body.classList.remove("over");
    const [photo] = files(event.dataTransfer);
    if (photo) await open(photo);
  }));
  document.addEventListener("paste", guarded(async event => {
    const [photo] = files(event.clipboardData);
    if (photo) await open(photo);
  }));
  $("#tab-compare").onclick = () => tab("compare");
  $("#tab-model").onclick = () => tab("model");
  $(".message button").onclick = () => { $(".message").hidden = true; };
  $(".focal select").onchange = () => fillFocal(state.map.facts, state.focal !== null);
  $(".reset").onclick = guarded(async () => { state.focal = null; await measure(); });
  $(".focal").onsubmit = guarded(async event => {
    event.preventDefault();
    const { width, height } = state.map.facts.photo, unit = $(".focal select").value;
    const focal = FOCAL[unit].from(Number($(".focal input").value), width, height);
    if (!(focal >= 1 && focal <= 1e6)) throw new Error("That is no focal length; expected a number above 0.");
    const before = state.focal;
    state.focal = focal;
    try { await measure(); } catch (error) { state.focal = before; throw error; }
  });
  window.addEventListener("resize", () => { compare.fit(); if (!$("#model").hidden) modelView?.fit(); });
  fillFormats((format, button) => guarded(download)(format, button));
}

async function about() {
  state.limits = await api.model();
  const { name, onedepth, licence } = state.limits;
  $(".about").textContent = `OneDepth ${onedepth}, model ${name}. Depth is measured along the optical axis; metres scale with the focal length. Licence of the model: ${licence}.`;
}

listen();
guarded(about)();
document.documentElement.dataset.ready = "yes";
