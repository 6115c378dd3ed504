// Photo under depth with a slider between them; the value under the pointer; the ruler.
import { digits } from "./depthmap.js";

/** The view of photo and depth. */
export class Compare {
  constructor(stage, onMeasure) {
    const find = name => stage.querySelector(name);
    Object.assign(this, { stage, onMeasure, picked: [], map: null });
    this.photo = find(".photo"); this.depth = find(".depth"); this.slider = find(".slider");
    this.spot = find(".spot"); this.between = find(".between"); this.ruler = find(".ruler");
    stage.addEventListener("pointermove", event => this.hover(event));
    stage.addEventListener("pointerdown", event => this.hover(event));
    stage.addEventListener("pointerleave", () => { this.spot.hidden = true; });
    stage.addEventListener("click", event => this.pick(event));
    this.listenToSlider();
    this.split(50);
  }

  /** Show a map with its colours; `photo` is an ImageBitmap, or null when the browser cannot read it. */
  show(map, picture, photo) {
    const sameSize = this.map && this.map.width === map.width && this.map.height === map.height;
    this.map = map;
    for (const canvas of [this.photo, this.depth]) { canvas.width = map.width; canvas.height = map.height; }
    this.depth.getContext("2d").putImageData(picture, 0, 0);
    const context = this.photo.getContext("2d");
    if (photo) {
      context.imageSmoothingQuality = "high";
      context.drawImage(photo, 0, 0, map.width, map.height);
    } else {
      context.putImageData(picture, 0, 0);
      context.globalCompositeOperation = "saturation";
      context.fillRect(0, 0, map.width, map.height);
    }
    this.ruler.setAttribute("viewBox", `0 0 ${map.width} ${map.height}`);
    this.fit();
    if (!sameSize) this.picked = [];
    this.drawRuler();
  }

  /** Fill the width, but leave the whole picture on the screen. */
  fit() {
    if (!this.map) return;
    const room = this.stage.parentElement.clientWidth, most = Math.max(240, 0.74 * window.innerHeight);
    const scale = Math.min(room / this.map.width, most / this.map.height);
    this.stage.style.width = `${this.map.width * scale}px`;
    this.stage.style.height = `${this.map.height * scale}px`;
    this.drawRuler();
  }

  /** Forget the two places. */
  clear() { this.picked = []; this.drawRuler(); }

  place(event) {
    const box = this.stage.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width, y = (event.clientY - box.top) / box.height;
    return x < 0 || y < 0 || x >= 1 || y >= 1 ? null : [x * this.map.width, y * this.map.height];
  }

  hover(event) {
    const at = this.map && !event.target.closest(".slider") ? this.place(event) : null;
    this.spot.hidden = at === null;
    if (at === null) return;
    const value = this.map.at(...at);
    this.spot.style.left = `${100 * at[0] / this.map.width}%`;
    this.spot.style.top = `${100 * at[1] / this.map.height}%`;
    this.spot.classList.toggle("flip", at[0] > 0.8 * this.map.width);
    this.spot.firstElementChild.textContent = value === null ? "no depth" : digits(value) + this.map.unit;
  }

  pick(event) {
    if (!this.map || event.target.closest(".slider")) return;
    const at = this.place(event);
    if (at === null || this.map.at(...at) === null) return;
    if (this.picked.length === 2) this.picked = [];
    this.picked.push(at);
    this.drawRuler();
  }

  drawRuler() {
    const [line, ...ends] = this.ruler.children, [a, b] = this.picked;
    const unit = this.map ? this.map.width / Math.max(1, this.stage.clientWidth) : 1; // one screen pixel
    ends.forEach((end, i) => {
      const at = this.picked[i];
      end.setAttribute("r", at ? 6 * unit : 0);
      end.style.strokeWidth = `${2 * unit}px`;
      if (at) { end.setAttribute("cx", at[0]); end.setAttribute("cy", at[1]); }
    });
    line.toggleAttribute("hidden", !b);
    line.style.display = b ? "" : "none";
    if (b) {
      for (const [name, value] of [["x1", a[0]], ["y1", a[1]], ["x2", b[0]], ["y2", b[1]]]) line.setAttribute(name, value);
    }
    const text = this.onMeasure(this.picked);
    this.between.hidden = !b || !text;
    if (!b) return;
    this.between.textContent = text;
    this.between.style.left = `${50 * (a[0] + b[0]) / this.map.width}%`;
    this.between.style.top = `${50 * (a[1] + b[1]) / this.map.height}%`;
  }

  split(percent) {
    const at = Math.min(100, Math.max(0, percent));
    this.at = at;
    this.slider.style.left = `${at}%`;
    this.slider.setAttribute("aria-valuenow", Math.round(at));
    this.depth.style.clipPath = `inset(0 ${100 - at}% 0 0)`;
    this.stage.querySelector(".tag-left").hidden = at < 14;
    this.stage.querySelector(".tag-right").hidden = at > 86;
  }

  listenToSlider() {
    const steps = { ArrowLeft: -5, ArrowDown: -5, ArrowRight: 5, ArrowUp: 5, Home: -100, End: 100 };
    this.slider.addEventListener("keydown", event => {
      if (!(event.key in steps)) return;
      event.preventDefault();
      this.split(this.at + steps[event.key]);
    });
    this.slider.addEventListener("pointerdown", event => this.slider.setPointerCapture(event.pointerId));
    this.slider.addEventListener("pointermove", event => {
      if (!this.slider.hasPointerCapture(event.pointerId)) return;
      const box = this.stage.getBoundingClientRect();
      this.split(100 * (event.clientX - box.left) / box.width);
    });
  }
}
