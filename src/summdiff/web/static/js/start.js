// Adding a video by drop, file dialog or path, and the animation of the start page: noise that becomes a curve.

import { colour, copyOf, part, sharp } from './dom.js';
import { bytes } from './words.js';

/** Connect a drop box (on the start page or in the dialog). `on` has pick() and path(text). */
export function setUpDrop(box, on) {
  part(box, 'pick').addEventListener('click', on.pick);
  const form = part(box, 'path');
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const text = form.elements.path.value;
    if (text.trim()) on.path(text).then((added) => added && form.reset());
  });
}

/** Show the limits of this session. */
export function limitDrop(box, session) {
  part(box, 'path').hidden = !session.typed_paths;
  part(box, 'limits').textContent = `Most video files work, up to ${bytes(session.max_upload)}.`;
}

export function startPage(on) {
  const page = copyOf('tpl-start');
  setUpDrop(part(page, 'drop'), on);
  const art = new Denoising(page.querySelector('canvas'));
  return { page, close: () => art.close(), update: (session) => limitDrop(part(page, 'drop'), session) };
}

const POINTS = 72;
const SECONDS = 5; // from noise to curve
const REST = 3.5;

/** Animate the model: noise becomes a curve, and its best moments light up. */
class Denoising {
  constructor(canvas) {
    this.canvas = canvas;
    this.still = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.#another();
    this.began = performance.now();
    this.frame = requestAnimationFrame(this.#tick);
  }

  close() {
    cancelAnimationFrame(this.frame);
  }

  #another() {
    this.noise = Array.from({ length: POINTS }, gaussian);
    const waves = Array.from({ length: 5 }, (_, k) => [
      (k + 1) * (0.7 + Math.random()),
      Math.random() * 7,
      1 / (k + 1.5),
    ]);
    const raw = Array.from({ length: POINTS }, (_, k) =>
      waves.reduce((sum, [pace, phase, size]) => sum + size * Math.sin((pace * k * 6.28) / POINTS + phase), 0),
    );
    const [low, high] = [Math.min(...raw), Math.max(...raw)];
    this.curve = raw.map((value) => 0.12 + (0.8 * (value - low)) / (high - low));
    this.lit = [...this.curve].sort((a, b) => b - a)[Math.floor(POINTS * 0.22)];
  }

  #tick = (now) => {
    if (!this.still) this.frame = requestAnimationFrame(this.#tick);
    let passed = (now - this.began) / 1000;
    if (passed > SECONDS + REST) {
      this.began = now;
      passed = 0;
      this.#another();
    }
    if (this.still) passed = SECONDS + 1;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width) return;
    const context = sharp(this.canvas, width, height);
    context.clearRect(0, 0, width, height);
    const steps = 10; // in steps, like the sampling
    const at = Math.min(passed / SECONDS, 1) * steps;
    const eased = (Math.floor(at) + Math.min(1, (at % 1) * 1.6)) / steps;
    const left = (1 - Math.min(eased, 1)) ** 1.6;
    const glow = Math.min(Math.max((passed - SECONDS) / 0.8, 0), 1);
    const gap = width / POINTS;
    for (let k = 0; k < POINTS; k += 1) {
      const value = Math.min(Math.max(this.curve[k] * (1 - left) + left * (0.45 + 0.3 * this.noise[k]), 0.03), 1);
      const lit = this.curve[k] >= this.lit;
      context.globalAlpha = lit ? 1 : 0.85 - 0.45 * glow;
      context.fillStyle = lit && glow > 0 ? colour('lit') : colour('curve');
      if (lit && glow > 0 && glow < 1) context.globalAlpha = 0.4 + 0.6 * glow;
      context.beginPath();
      context.roundRect(
        k * gap + gap * 0.16,
        height * (1 - value * 0.94),
        gap * 0.68,
        height * value * 0.94,
        Math.min(4, gap / 3),
      );
      context.fill();
    }
    context.globalAlpha = 1;
  };
}

function gaussian() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(6.2832 * Math.random());
}
