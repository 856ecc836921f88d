// The timeline: filmstrip, importance curve with its band, and shots as blocks, on a canvas that is drawn only after
// changes. The playhead and the pointer are on a second canvas above it.

import { colour, sharp } from './dom.js';
import { clock, percent, spokenTime } from './words.js';

const STRIP = 54; // CSS pixels of height
const GAP = 10;
const SHOTS = 26;
const RULER = 22;
const LEAST_SPAN = 4; // seconds at the largest zoom
const TICKS = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];

export class Timeline {
  /** `root` contains [data-track] and [data-peek]; `on` has seek(seconds), pin(shot), ban(shot). */
  constructor(root, on) {
    this.on = on;
    this.track = root.querySelector('[data-track]');
    this.ground = root.querySelector('[data-ground]');
    this.over = root.querySelector('[data-over]');
    this.peek = root.querySelector('[data-peek]');
    this.root = root;
    this.version = null;
    this.filmstrip = null;
    this.chosen = new Set();
    this.parts = [];
    this.pins = new Set();
    this.bans = new Set();
    this.time = 0;
    this.pointed = null; // seconds under the pointer
    this.from = 0;
    this.span = 1;
    this.resized = new ResizeObserver(() => this.draw());
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
    const low = Math.min(...version.mean.map((mean, k) => mean - version.std[k]));
    const high = Math.max(...version.mean.map((mean, k) => mean + version.std[k]));
    const margin = 0.08 * (high - low) + 0.01;
    this.low = Math.max(0, low - margin);
    this.high = Math.min(1, high + margin);
    this.track.setAttribute('aria-valuemax', version.duration.toFixed(1));
    this.draw();
  }

  setFilmstrip(filmstrip) {
    this.filmstrip = filmstrip;
    this.draw();
  }

  setChoice({ chosen, parts, pins, bans }) {
    this.chosen = new Set(chosen);
    this.parts = parts;
    this.pins = new Set(pins);
    this.bans = new Set(bans);
    this.draw();
  }

  setTime(seconds) {
    const before = this.time;
    this.time = seconds;
    if (
      seconds !== before &&
      (seconds < this.from || seconds > this.from + this.span) &&
      this.span < this.version.duration
    ) {
      this.show(seconds - 0.1 * this.span, this.span); // the window follows the playhead
    }
    this.drawOver();
  }

  /** Show `span` seconds from `from` on, within the video. */
  show(from, span) {
    const whole = this.version.duration;
    this.span = Math.min(whole, Math.max(Math.min(LEAST_SPAN, whole), span));
    this.from = Math.min(Math.max(0, from), whole - this.span);
    this.draw();
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
      if (shots[middle].start <= seconds) low = middle;
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
    const context = sharp(this.ground, width, height);
    context.clearRect(0, 0, width, height);
    this.x = (seconds) => ((seconds - this.from) / this.span) * width;
    this.width = width;
    this.curveTop = STRIP + GAP;
    this.curveBottom = height - RULER - SHOTS - GAP;
    this.#drawFilmstrip(context, width);
    this.#drawLit(context, height);
    this.#drawCurve(context, width);
    this.#drawShots(context, height);
    this.#drawRuler(context, width, height);
    this.drawOver();
  }

  #visibleShots() {
    const first = this.shotAt(this.from);
    const last = this.shotAt(this.from + this.span);
    return [first, last];
  }

  #drawFilmstrip(context, width) {
    context.save();
    context.beginPath();
    context.roundRect(0, 0, width, STRIP, 6);
    context.clip();
    context.fillStyle = colour('well');
    context.fillRect(0, 0, width, STRIP);
    if (this.filmstrip?.ready) {
      const across = STRIP * Math.min(Math.max(this.filmstrip.aspect, 0.6), 2);
      const each = (across / width) * this.span; // seconds per thumbnail
      for (let k = Math.floor(this.from / each); k * each < this.from + this.span; k += 1) {
        this.filmstrip.draw(context, (k + 0.5) * each, this.x(k * each), 0, across + 0.5, STRIP);
      }
      // Parts that are not in the summary are faded.
      context.fillStyle = colour('fade');
      let last = this.from;
      for (const [start, end] of [...this.parts, [this.from + this.span, Infinity]]) {
        if (end < this.from) continue;
        const until = Math.min(start, this.from + this.span);
        if (until > last) context.fillRect(this.x(last), 0, this.x(until) - this.x(last), STRIP);
        last = Math.max(last, end);
        if (last >= this.from + this.span) break;
      }
    }
    context.restore();
  }

  #drawLit(context, height) {
    context.fillStyle = colour('lit-wash');
    for (const [start, end] of this.parts) {
      if (end < this.from || start > this.from + this.span) continue;
      const left = this.x(start);
      context.fillRect(
        left,
        this.curveTop - GAP,
        Math.max(this.x(end) - left, 1),
        height - RULER - SHOTS - this.curveTop + GAP,
      );
    }
  }

  #drawCurve(context, width) {
    const { mean, std, rate } = this.version;
    const span = this.high - this.low || 1;
    const y = (score) =>
      this.curveBottom -
      ((Math.min(Math.max(score, this.low), this.high) - this.low) / span) * (this.curveBottom - this.curveTop);
    context.strokeStyle = colour('line');
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(0, this.curveBottom + 0.5);
    context.lineTo(width, this.curveBottom + 0.5);
    context.stroke();

    // At most one point per pixel: the mean of the means, and the extremes of the band.
    const first = Math.max(0, Math.floor(this.from * rate) - 1);
    const last = Math.min(mean.length - 1, Math.ceil((this.from + this.span) * rate) + 1);
    const group = Math.max(1, Math.floor((last - first + 1) / (width * 1.2)));
    const points = [];
    for (let k = first - (first % group); k <= last; k += group) {
      let [sum, low, high, count] = [0, Infinity, -Infinity, 0];
      for (let j = Math.max(k, 0); j < Math.min(k + group, mean.length); j += 1) {
        sum += mean[j];
        low = Math.min(low, mean[j] - std[j]);
        high = Math.max(high, mean[j] + std[j]);
        count += 1;
      }
      if (count) points.push([this.x((k + group / 2) / rate), sum / count, low, high]);
    }
    if (!points.length) return;
    points.unshift([this.x(Math.max(0, first / rate)), ...points[0].slice(1)]);
    points.push([this.x(Math.min(this.version.duration, (last + 1) / rate)), ...points.at(-1).slice(1)]);

    context.beginPath();
    points.forEach(([x, , , high], place) => (place ? context.lineTo(x, y(high)) : context.moveTo(x, y(high))));
    for (let place = points.length - 1; place >= 0; place -= 1) context.lineTo(points[place][0], y(points[place][2]));
    context.closePath();
    context.fillStyle = colour('band');
    context.fill();

    context.beginPath();
    points.forEach(([x, middle], place) => (place ? context.lineTo(x, y(middle)) : context.moveTo(x, y(middle))));
    context.strokeStyle = colour('curve');
    context.lineWidth = group > 3 ? 1.3 : 2;
    context.lineJoin = 'round';
    context.stroke();
    this.y = y;
  }

  #drawShots(context, height) {
    const top = height - RULER - SHOTS;
    const [first, last] = this.#visibleShots();
    for (let place = first; place <= last; place += 1) {
      const shot = this.version.shots[place];
      const left = this.x(shot.start);
      const room = this.x(shot.end) - left;
      const gap = room > 6 ? 2 : room > 3 ? 1 : 0.5;
      const [x, across] = [left + gap / 2, Math.max(room - gap, 0.6)];
      const lit = this.chosen.has(place);
      context.beginPath();
      context.roundRect(x, top, across, SHOTS, Math.min(5, across / 2));
      context.fillStyle = colour('block');
      context.fill();
      if (lit || shot.probability > 0) {
        context.save();
        context.clip();
        if (lit) this.#light(context, shot, top);
        else {
          // Filled from below by the share of samples that contain the shot.
          context.fillStyle = colour('block-often');
          context.fillRect(x, top + SHOTS * (1 - shot.probability), across, SHOTS * shot.probability);
        }
        context.restore();
        context.beginPath();
        context.roundRect(x, top, across, SHOTS, Math.min(5, across / 2));
      }
      const [pinned, banned] = [this.pins.has(place), this.bans.has(place)];
      if (banned) {
        context.save();
        context.clip();
        context.strokeStyle = colour('ban');
        context.lineWidth = 1.5;
        for (let at = x - SHOTS; at < x + across; at += 6) {
          context.beginPath();
          context.moveTo(at, top + SHOTS);
          context.lineTo(at + SHOTS, top);
          context.stroke();
        }
        context.restore();
      }
      if (pinned || banned) {
        context.strokeStyle = colour(pinned ? 'pin' : 'ban');
        context.lineWidth = 2;
        context.beginPath();
        context.roundRect(x + 1, top + 1, Math.max(across - 2, 1), SHOTS - 2, Math.min(4, across / 2));
        context.stroke();
      }
      if (pinned && across > 10) {
        context.fillStyle = colour('pin');
        context.beginPath();
        context.arc(x + across / 2, top + SHOTS / 2, 4, 0, 7);
        context.fill();
      }
    }
  }

  /** Highlight the selected parts of a shot. */
  #light(context, shot, top) {
    context.fillStyle = colour('lit');
    for (const [start, end] of this.parts) {
      if (start >= shot.end) break;
      if (end <= shot.start) continue;
      const left = start <= shot.start + 0.02 ? shot.start - 1 : start;
      const right = end >= shot.end - 0.02 ? shot.end + 1 : end;
      context.fillRect(this.x(left), top, Math.max(this.x(right) - this.x(left), 1), SHOTS);
    }
  }

  #drawRuler(context, width, height) {
    const step = TICKS.find((tick) => (tick / this.span) * width >= 72) || TICKS.at(-1);
    context.fillStyle = colour('soft');
    context.strokeStyle = colour('line');
    context.font = `500 11px ${getComputedStyle(document.body).fontFamily}`;
    context.textBaseline = 'alphabetic';
    for (let k = Math.ceil(this.from / step); k * step <= this.from + this.span; k += 1) {
      const x = this.x(k * step);
      const text = clock(k * step, step < 1);
      const room = context.measureText(text).width;
      context.fillText(text, Math.min(Math.max(x - room / 2, 0), width - room), height - 3);
    }
  }

  drawOver() {
    if (!this.version || !this.width) return;
    const { clientWidth: width, clientHeight: height } = this.track;
    const context = sharp(this.over, width, height);
    context.clearRect(0, 0, width, height);
    if (this.pointed !== null) {
      const shot = this.version.shots[this.shotAt(this.pointed)];
      const left = this.x(shot.start);
      context.strokeStyle = colour('ink');
      context.lineWidth = 1.5;
      context.beginPath();
      context.roundRect(left + 0.5, height - RULER - SHOTS - 2, Math.max(this.x(shot.end) - left - 1, 2), SHOTS + 4, 6);
      context.stroke();
      context.fillStyle = colour('soft');
      context.fillRect(this.x(this.pointed) - 0.5, 0, 1, height - RULER);
    }
    const x = this.x(this.time);
    context.fillStyle = colour('playhead');
    context.fillRect(x - 1, 0, 2, height - RULER);
    context.beginPath();
    context.roundRect(x - 5, 0, 10, 12, [2, 2, 5, 5]);
    context.fill();
    const place = this.shotAt(this.time);
    const state = this.chosen.has(place) ? 'in the summary' : 'not in the summary';
    this.track.setAttribute('aria-valuenow', this.time.toFixed(1));
    this.track.setAttribute('aria-valuetext', `${spokenTime(this.time)}, shot ${place + 1}, ${state}`);
  }

  #listen() {
    let grab = null; // start of the touch or press
    const secondsAt = (event) => {
      const box = this.track.getBoundingClientRect();
      const share = (event.clientX - box.left) / box.width;
      return Math.min(Math.max(this.from + share * this.span, 0), this.version.duration - 1e-3);
    };
    this.track.addEventListener('pointerdown', (event) => {
      if (event.button !== 0 || !this.version) return;
      const seconds = secondsAt(event);
      if (event.shiftKey) this.on.pin(this.shotAt(seconds));
      else if (event.altKey) this.on.ban(this.shotAt(seconds));
      else {
        grab = { x: event.clientX, from: this.from, touch: event.pointerType === 'touch' };
        if (!grab.touch) this.on.seek(seconds);
        this.track.setPointerCapture(event.pointerId);
      }
    });
    this.track.addEventListener('pointermove', (event) => {
      if (!this.version) return;
      if (grab?.touch) {
        const moved = event.clientX - grab.x;
        if (this.span < this.version.duration)
          this.show(grab.from - (moved / this.track.clientWidth) * this.span, this.span);
        else if (Math.abs(moved) > 6) this.on.seek(secondsAt(event));
      } else if (grab) this.on.seek(secondsAt(event));
      this.point(event.pointerType === 'touch' ? null : secondsAt(event), event.clientX);
    });
    this.track.addEventListener('pointerup', (event) => {
      if (grab?.touch && Math.abs(event.clientX - grab.x) <= 6) this.on.seek(secondsAt(event));
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
          this.zoom(1.0025 ** -event.deltaY, secondsAt(event));
        } else if (this.span < this.version.duration && (event.deltaX || event.shiftKey)) {
          event.preventDefault();
          this.show(this.from + ((event.deltaX || event.deltaY) / this.track.clientWidth) * this.span, this.span);
        }
      },
      { passive: false },
    );
  }

  /** Show the thumbnail, the shot and the scores at a time. */
  point(seconds, clientX) {
    this.pointed = seconds;
    this.peek.hidden = seconds === null;
    this.drawOver();
    if (seconds === null) return;
    const place = this.shotAt(seconds);
    const shot = this.version.shots[place];
    const step = Math.min(this.version.mean.length - 1, Math.floor(seconds * this.version.rate));
    const canvas = this.peek.firstElementChild;
    const across = 168;
    const down = this.filmstrip ? Math.round(across / Math.min(Math.max(this.filmstrip.aspect, 0.75), 2)) : 0;
    canvas.hidden = !this.filmstrip?.ready;
    if (this.filmstrip?.ready) {
      canvas.style.width = `${across}px`;
      canvas.style.height = `${down}px`;
      this.filmstrip.draw(sharp(canvas, across, down), seconds, 0, 0, across, down);
    }
    const constraint = this.pins.has(place) ? ' · pinned' : this.bans.has(place) ? ' · banned' : '';
    this.peek.lastElementChild.textContent =
      `${clock(seconds, true)} · shot ${place + 1}${constraint}\n` +
      `importance ${this.version.mean[step].toFixed(2)} ± ${this.version.std[step].toFixed(2)}\n` +
      `chosen in ${percent(shot.probability)} of samples`;
    const box = this.root.getBoundingClientRect();
    const left = Math.min(Math.max(clientX - box.left - across / 2 - 8, 4), box.width - across - 20);
    this.peek.style.left = `${left}px`;
    this.peek.style.bottom = `${box.bottom - this.track.getBoundingClientRect().top + 8}px`;
  }
}
