// The shape of the saved picture: a window over the player that can be dragged, and the quality of the file.

import { make, part } from './dom.js';

const SHAPES = { '16:9': 16 / 9, '1:1': 1, '9:16': 9 / 16 };
const STEP = 0.02; // of the arrow keys
const SIZES = { small: 0.6, normal: 1, high: 1.8 }; // bytes, relative to the source's

export class Framing {
  /** `on` has change(changes), drag(changes), settle(), all with `frame`, `crop` and `quality` of the state. */
  constructor(root, video, on) {
    this.root = root;
    this.aspect = video.width / video.height;
    this.on = on;
    this.shape = part(root, 'frame');
    this.quality = part(root, 'quality');
    this.screen = part(root, 'screen');
    this.window = make('div', { className: 'crop', tabIndex: 0, role: 'slider', hidden: true, title: 'Drag to choose what is seen' });
    this.window.setAttribute('aria-label', 'Which part of the picture is kept');
    this.window.setAttribute('aria-valuemin', '0');
    this.window.setAttribute('aria-valuemax', '100');
    this.screen.append(this.window);
    this.shape.addEventListener('change', () => on.change({ frame: this.shape.value }));
    this.burn = part(root, 'burn');
    part(root, 'burn-label').hidden = !video.has_words;
    this.burn.addEventListener('change', () => on.change({ captions: this.burn.checked }));
    this.quality.addEventListener('change', () => on.change({ quality: this.quality.value }));
    this.resized = new ResizeObserver(() => this.#place());
    this.resized.observe(this.screen);
    this.#listen();
  }

  close() {
    this.resized.disconnect();
  }

  /** Size of the file with this state, relative to that of the source's pictures. */
  size({ frame, quality }) {
    const shape = SHAPES[frame];
    const area = shape ? Math.min(shape / this.aspect, this.aspect / shape) : 1;
    return SIZES[quality] * area;
  }

  update(state) {
    this.state = state;
    this.shape.value = state.frame;
    this.quality.value = state.quality;
    this.burn.checked = state.captions;
    this.#place();
  }

  /** Width and height of the picture in the player, and of the window, in CSS pixels. */
  #sizes() {
    const { clientWidth: across, clientHeight: down } = this.screen;
    const width = Math.min(across, down * this.aspect);
    const height = width / this.aspect;
    const shape = SHAPES[this.state.frame];
    return { across, down, width, height, wide: Math.min(width, height * shape), tall: Math.min(height, width / shape) };
  }

  #place() {
    const shape = this.state && SHAPES[this.state.frame];
    this.window.hidden = !shape || Math.abs(shape - this.aspect) < 0.01;
    if (this.window.hidden) return;
    const { across, down, width, height, wide, tall } = this.#sizes();
    const [x, y] = this.state.crop;
    this.window.style.left = `${(across - width) / 2 + (width - wide) * x}px`;
    this.window.style.top = `${(down - height) / 2 + (height - tall) * y}px`;
    this.window.style.width = `${wide}px`;
    this.window.style.height = `${tall}px`;
    const sideways = width - wide > height - tall;
    const share = Math.round(100 * (sideways ? x : y));
    this.window.setAttribute('aria-orientation', sideways ? 'horizontal' : 'vertical');
    this.window.setAttribute('aria-valuenow', String(share));
    this.window.setAttribute('aria-valuetext', `${share}% from the ${sideways ? 'left' : 'top'}`);
  }

  #moved([x, y], byX, byY) {
    const inside = (value) => Math.min(1, Math.max(0, value));
    return { crop: [inside(x + byX), inside(y + byY)] };
  }

  #listen() {
    let grab = null;
    this.window.addEventListener('pointerdown', (event) => {
      grab = { x: event.clientX, y: event.clientY, crop: this.state.crop };
      this.window.setPointerCapture(event.pointerId);
    });
    this.window.addEventListener('pointermove', (event) => {
      if (!grab) return;
      const { width, height, wide, tall } = this.#sizes();
      const byX = width > wide + 1 ? (event.clientX - grab.x) / (width - wide) : 0;
      const byY = height > tall + 1 ? (event.clientY - grab.y) / (height - tall) : 0;
      this.on.drag(this.#moved(grab.crop, byX, byY));
    });
    for (const name of ['pointerup', 'pointercancel']) {
      this.window.addEventListener(name, () => {
        if (grab) this.on.settle();
        grab = null;
      });
    }
    this.window.addEventListener('keydown', (event) => {
      const by = { ArrowLeft: -STEP, ArrowUp: -STEP, ArrowRight: STEP, ArrowDown: STEP }[event.key];
      if (!by || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      event.stopPropagation();
      this.on.change(this.#moved(this.state.crop, by, by));
    });
  }
}
