// The 3-D model: the server's GLB file, turned with the pointer. Loaded when it is first looked at.
import * as THREE from "./vendor/three/three.module.min.js";
import { GLTFLoader } from "./vendor/three/GLTFLoader.js";
import { OrbitControls } from "./vendor/three/OrbitControls.js";

const BACK = 0.12, SIDEWAYS = 0.1, UP = 0.05; // of the median depth: where one stands at first, seen from the camera

/** The view of the model; it draws when something has changed, and rests otherwise. */
export class ModelView {
  constructor(stage) {
    this.stage = stage;
    this.canvas = stage.querySelector("canvas");
    this.renderer = new THREE.WebGLRenderer({ canvas: this.canvas, antialias: true });
    this.renderer.setPixelRatio(Math.min(2, window.devicePixelRatio));
    this.scene = new THREE.Scene();
    this.scene.background = new THREE.Color(0x0d0e10);
    this.camera = new THREE.PerspectiveCamera(50, 1, 0.01, 1000);
    this.controls = new OrbitControls(this.camera, this.canvas);
    this.controls.rotateSpeed = 0.4; // one view knows no backs: a stroke over the picture is no full turn
    this.controls.addEventListener("change", () => this.draw());
    this.content = null;
  }

  /** Show a GLB (ArrayBuffer) from where the photo was taken. */
  async show(data, facts, aspect) {
    const { scene } = await new GLTFLoader().parseAsync(data, "");
    this.remove();
    scene.traverse(part => {
      if (!part.isMesh) return;
      const { map } = part.material; // the photo's own light is light enough
      part.material.dispose();
      part.material = new THREE.MeshBasicMaterial({ map, side: THREE.DoubleSide });
    });
    this.content = scene;
    this.scene.add(scene);
    this.aspect = aspect;
    const { fy } = facts.camera, z = facts.median;
    this.photoFov = 2 * Math.atan(facts.height / 2 / fy) * 180 / Math.PI;
    this.camera.near = facts.near / 50;
    this.camera.far = facts.far * 50;
    this.camera.position.set(SIDEWAYS * z, UP * z, BACK * z);
    this.controls.target.set(0, 0, -z);
    this.controls.update();
    this.fit();
  }

  remove() {
    if (!this.content) return;
    this.content.traverse(part => {
      if (!part.isMesh) return;
      part.geometry.dispose(); part.material.map?.dispose(); part.material.dispose();
    });
    this.scene.remove(this.content);
    this.content = null;
  }

  /** Fit the canvas into the page. */
  fit() {
    const width = this.stage.parentElement.clientWidth;
    const height = Math.min(Math.max(240, 0.74 * window.innerHeight), width / (this.aspect ?? 1.5));
    this.stage.style.height = `${height}px`;
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    this.camera.fov = this.photoFov ?? 50;
    this.camera.updateProjectionMatrix();
    this.draw();
  }

  draw() {
    this.renderer.render(this.scene, this.camera);
    this.canvas.dataset.azimuth = this.controls.getAzimuthalAngle().toFixed(4);
    this.canvas.dataset.triangles = this.renderer.info.render.triangles;
  }
}
