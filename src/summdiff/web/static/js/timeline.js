// The timeline: which stretch of the video is shown, the pointer and the playhead. `lanes.js` draws it.

import { colour, part, sharp } from './dom.js';
import { drawLanes } from './lanes.js';
import { pictureAddress } from './api.js';
import { clock, percent, shotWords, spokenTime } from './words.js';
import { secondsIn } from './spans.js';

const LEAST_SPAN = 2; // seconds at the largest zoom
const PEEK = 160; // pixels

export class Timeline {
  /** `root` is the studio; `on` has seek(seconds) and shown(), after the stretch that is shown has changed. */
  constructor(root, video, { strip, wave, on }) {
    this.root = root;
    this.video = video;
    this.strip = strip;
    this.wave = wave;
    this.on = on;
    this.track = part(root, 'track');
    this.ground = part(root, 'ground');
    this.over = part(root, 'over');
    this.peek = part(root, 'peek');
    this.version = null;
    this.parts = [];
    this.keep = [];
    this.drop = [];
    this.time = 0;
    this.pointed = null; // seconds under the pointer
    this.from = 0;
    this.span = 1;
    this.resized = new ResizeObserver(() => {
      this.draw();
      this.on.shown();
    });
    this.resized.observe(this.track);
    this.#listen();
  }

  close() {
    this.resized.disconnect();
    cancelAnimationFrame(this.frame);
  }

  setVersion(version) {
    const fresh = !this.version;
    this.version = version;
    if (fresh) this.show(0, version.duration);
    this.track.setAttribute('aria-valuemax', version.duration.toFixed(1));
    this.draw();
  }

  setChoice(parts, keep, drop, details) {
    Object.assign(this, { parts, keep, drop, details });
    this.draw();
  }

  setTime(seconds) {
    const before = this.time;
    this.time = seconds;
    const outside = seconds < this.from || seconds > this.from + this.span;
    if (seconds !== before && outside && this.span < this.version.duration) {
      this.show(seconds - 0.1 * this.span, this.span); // the window follows the playhead
    }
    this.drawOver();
  }

  /** Position of a time in CSS pixels. */
  x(seconds) {
    return ((seconds - this.from) / this.span) * this.track.clientWidth;
  }

  /** Show `span` seconds from `from` on, within the video. */
  show(from, span) {
    const whole = this.version.duration;
    this.span = Math.min(whole, Math.max(Math.min(LEAST_SPAN, whole), span));
    this.from = Math.min(Math.max(0, from), whole - this.span);
    this.draw();
    this.on.shown();
  }

  zoom(factor, around = this.time) {
    const kept = Math.min(Math.max((around - this.from) / this.span, 0), 1);
    const span = Math.min(this.version.duration, this.span / factor);
    this.show(around - kept * span, span);
  }

  fit() {
    this.show(0, this.version.duration);
  }

  /** The shot at a time. */
  shotAt(seconds) {
    const shots = this.version.shots;
    let [low, high] = [0, shots.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (shots[middle].start <= seconds + 1e-4) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Draw everything once, at the next animation frame. */
  draw() {
    if (this.frame || !this.version) return;
    this.frame = requestAnimationFrame(() => this.drawNow());
  }

  drawNow() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const { clientWidth: width, clientHeight: height } = this.track;
    if (!width) return;
    drawLanes(this, sharp(this.ground, width, height), width, height);
    this.drawOver();
  }

  drawOver() {
    const { clientWidth: width, clientHeight: height } = this.track;
    if (!this.version || !width) return;
    const context = sharp(this.over, width, height);
    context.clearRect(0, 0, width, height);
    if (this.pointed !== null) {
      context.fillStyle = colour('soft');
      context.fillRect(this.x(this.pointed) - 0.5, 0, 1, height);
    }
    const x = this.x(this.time);
    context.fillStyle = colour('playhead');
    context.fillRect(x - 1, 0, 2, height);
    context.beginPath();
    context.roundRect(x - 5, 0, 10, 12, [2, 2, 5, 5]);
    context.fill();
    const place = this.shotAt(this.time);
    const { start, end } = this.version.shots[place];
    const state = secondsIn(this.parts, start, end) > 0.01 ? 'in the summary' : 'not included';
    this.track.setAttribute('aria-valuenow', this.time.toFixed(1));
    this.track.setAttribute('aria-valuetext', `${spokenTime(this.time)}, shot ${place + 1}, ${state}`);
  }

  secondsAt(clientX) {
    const box = this.track.getBoundingClientRect();
    const share = (clientX - box.left) / box.width;
    return Math.min(Math.max(this.from + share * this.span, 0), this.version.duration - 1e-3);
  }

  #listen() {
    let grab = null; // start of the touch or press
    this.track.addEventListener('pointerdown', (event) => {
      if (event.button !== 0 || !this.version) return;
      grab = { x: event.clientX, from: this.from, touch: event.pointerType === 'touch' };
      if (!grab.touch) this.on.seek(this.secondsAt(event.clientX));
      this.track.setPointerCapture(event.pointerId);
    });
    this.track.addEventListener('pointermove', (event) => {
      if (!this.version) return;
      const seconds = this.secondsAt(event.clientX);
      if (grab?.touch) {
        const moved = event.clientX - grab.x;
        if (this.span < this.version.duration)
          this.show(grab.from - (moved / this.track.clientWidth) * this.span, this.span);
        else if (Math.abs(moved) > 6) this.on.seek(seconds);
      } else if (grab) this.on.seek(seconds);
      this.point(event.pointerType === 'touch' || grab ? null : seconds);
    });
    this.track.addEventListener('pointerup', (event) => {
      if (grab?.touch && Math.abs(event.clientX - grab.x) <= 6) this.on.seek(this.secondsAt(event.clientX));
      grab = null;
    });
    this.track.addEventListener('pointercancel', () => (grab = null));
    this.track.addEventListener('pointerleave', () => this.point(null));
    this.track.addEventListener(
      'wheel',
      (event) => {
        if (!this.version) return;
        if (event.ctrlKey || event.metaKey) {
          event.preventDefault();
          this.zoom(1.0025 ** -event.deltaY, this.secondsAt(event.clientX));
        } else if (this.span < this.version.duration && (event.deltaX || event.shiftKey)) {
          event.preventDefault();
          this.show(this.from + ((event.deltaX || event.deltaY) / this.track.clientWidth) * this.span, this.span);
        }
      },
      { passive: false },
    );
  }

  /** Show the picture and the shot at a time, over the lower edge of the player. */
  point(seconds) {
    this.pointed = seconds;
    this.peek.hidden = seconds === null;
    this.drawOver();
    if (seconds === null) return;
    const place = this.shotAt(seconds);
    const shot = this.version.shots[place];
    const each = Math.max(this.span / 240, 0.2); // as finely as the pointer can be moved
    const from = Math.max(Math.floor(seconds / each) * each, shot.start);
    const address = pictureAddress(this.video, from, Math.min(Math.max(from + each, seconds), shot.end));
    const [image, words] = this.peek.children;
    if (image.getAttribute('src') !== address) image.src = address;
    const step = Math.min(this.version.mean.length - 1, Math.floor(seconds * this.version.rate));
    const { mean, std } = this.version;
    const numbers = this.details
      ? `\nimportance ${mean[step].toFixed(2)} ± ${std[step].toFixed(2)}, in ${percent(shot.probability)} of samples`
      : '';
    words.textContent = `${clock(seconds, true)} · ${shotWords(shot, place, this)}${numbers}`;
    const box = this.peek.parentElement.getBoundingClientRect();
    const x = this.track.getBoundingClientRect().left + this.x(seconds) - box.left - PEEK / 2;
    this.peek.style.left = `${Math.min(Math.max(x, 6), box.width - PEEK - 22)}px`;
  }
}
