// The parts of the summary as bars below the timeline: choose one, drag its ends, split, join, move or remove it.

import { icon, make, part, speak } from './dom.js';
import * as trim from './trim.js';
import { clock, spokenTime } from './words.js';

const REACH = 9; // pixels within which an end snaps to a cut or a pause

export class Cutting {
  /** `on` has seek(seconds), drag(parts), settle(), change(parts). */
  constructor(root, timeline, wave, on) {
    this.root = root;
    this.timeline = timeline;
    this.wave = wave;
    this.on = on;
    this.lane = part(root, 'parts');
    this.tools = part(root, 'part-tools');
    this.parts = [];
    this.place = null; // of the chosen part
    this.handles = ['Start', 'End'].map((name, edge) => this.#handle(name, edge));
    this.lane.append(...this.handles);
    const click = (name, action) => part(root, name).addEventListener('click', action);
    click('split', () => this.split());
    click('join', () => this.#change(trim.join(this.parts, this.place), 'Joined.'));
    click('earlier', () => this.#move(-1));
    click('later', () => this.#move(1));
    click('cut', () => this.remove());
    click('film-order', () => this.#change(trim.inFilmOrder(this.parts), 'Back in film order.'));
  }

  /** Show these parts, in the order in which they are played. */
  setParts(parts) {
    this.parts = parts;
    if (this.place !== null && this.place >= parts.length) this.place = null;
    this.draw();
  }

  draw() {
    const bars = [...this.lane.querySelectorAll('.part')];
    while (bars.length > this.parts.length) bars.pop().remove();
    while (bars.length < this.parts.length) {
      bars.push(this.#bar());
      this.lane.insertBefore(bars.at(-1), this.handles[0]);
    }
    const width = this.timeline.track.clientWidth;
    const moved = !trim.isInFilmOrder(this.parts);
    bars.forEach((bar, place) => {
      const [start, end] = this.parts[place];
      const left = Math.max(this.timeline.x(start), -2);
      const right = Math.min(this.timeline.x(end), width + 2);
      bar.style.left = `${left}px`;
      bar.style.width = `${Math.max(right - left - 1, 3)}px`;
      bar.classList.toggle('outside', right < 0 || left > width);
      bar.textContent = moved || right - left > 22 ? String(place + 1) : '';
      bar.setAttribute('aria-pressed', String(place === this.place));
      bar.setAttribute(
        'aria-label',
        `${place + 1}: part from ${clock(start, true)} to ${clock(end, true)}, ${(end - start).toFixed(1)} seconds`,
      );
      bar.tabIndex = place === (this.place ?? 0) ? 0 : -1;
    });
    this.handles.forEach((handle, edge) => {
      handle.hidden = this.place === null;
      if (this.place === null) return;
      const time = this.parts[this.place][edge];
      const x = this.timeline.x(time);
      handle.hidden = x < -6 || x > width + 6;
      handle.style.left = `${x}px`;
      handle.setAttribute('aria-valuenow', time.toFixed(2));
      handle.setAttribute('aria-valuemax', this.timeline.version.duration.toFixed(2));
      handle.setAttribute('aria-valuetext', `${clock(time, true)}`);
    });
    this.#say(moved);
  }

  /** Choose the part at a time, if there is one. */
  chooseAt(seconds) {
    const place = this.parts.findIndex(([start, end]) => seconds >= start - 1e-3 && seconds < end);
    if (place >= 0) this.choose(place);
  }

  choose(place) {
    this.place = place;
    this.draw();
  }

  split() {
    this.#here((place, time) => {
      const parts = trim.split(this.parts, place, time);
      if (parts) this.#change(parts, 'Split.');
    });
  }

  remove() {
    if (this.place === null) this.chooseAt(this.timeline.time);
    if (this.place === null) return;
    if (this.parts.length === 1) {
      speak('A summary needs at least one part.');
      return;
    }
    const parts = trim.removed(this.parts, this.place);
    const focused = this.tools.contains(document.activeElement) || this.lane.contains(document.activeElement);
    this.place = Math.min(this.place, parts.length - 1);
    this.#change(parts, 'Removed.');
    if (focused) this.lane.children[this.place]?.focus();
  }

  /** Let the chosen part start (0) or end (1) at the playhead. */
  mark(edge) {
    if (this.place === null) this.chooseAt(this.timeline.time);
    const { time, version } = this.timeline;
    if (this.place !== null) this.#change(trim.trimmed(this.parts, this.place, edge, time, version.duration));
  }

  #here(action) {
    this.chooseAt(this.timeline.time);
    if (this.place !== null) action(this.place, this.timeline.time);
  }

  #move(by) {
    const place = this.place + by;
    if (place < 0 || place >= this.parts.length) return;
    const parts = trim.moved(this.parts, this.place, by);
    this.place = place;
    this.#change(parts, by < 0 ? 'Earlier.' : 'Later.');
  }

  #change(parts, words = '') {
    this.on.change(parts);
    if (words) speak(words);
  }

  #say(moved) {
    const chosen = this.place !== null;
    this.tools.hidden = !chosen && !moved;
    part(this.root, 'film-order').hidden = !moved;
    for (const name of ['split', 'join', 'earlier', 'later', 'cut']) part(this.root, name).hidden = !chosen;
    const line = part(this.root, 'part-say');
    if (!chosen) {
      line.textContent = '';
      return;
    }
    const [start, end] = this.parts[this.place];
    line.textContent = `Part ${this.place + 1} of ${this.parts.length} · ${clock(start, true)} – ${clock(end, true)}`;
    part(this.root, 'join').disabled = !trim.joinable(this.parts, this.place);
    part(this.root, 'earlier').disabled = this.place === 0;
    part(this.root, 'later').disabled = this.place === this.parts.length - 1;
    part(this.root, 'cut').disabled = this.parts.length === 1;
  }

  #bar() {
    const bar = make('button', { className: 'part' });
    const place = () => [...this.lane.querySelectorAll('.part')].indexOf(bar);
    bar.addEventListener('click', () => {
      this.choose(place());
      this.on.seek(this.parts[place()][0]);
    });
    bar.addEventListener('keydown', (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const next = by && this.lane.querySelectorAll('.part')[place() + by];
      if (!by || event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      event.stopPropagation();
      if (!next) return;
      this.choose(place() + by);
      this.on.seek(this.parts[this.place][0]);
      next.focus();
    });
    return bar;
  }

  #handle(name, edge) {
    const handle = make(
      'div',
      { className: `handle ${edge ? 'end' : 'start'}`, tabIndex: 0, role: 'slider', 'aria-valuemin': '0', hidden: true },
      icon(edge ? 'prev-frame' : 'next-frame'),
    );
    handle.setAttribute('aria-label', `${name} of the part`);
    handle.title = `${name} of the part: drag, or ← →. Snaps to cuts and pauses; hold Shift to move freely`;
    let held = false;
    const move = (event) => {
      const { timeline } = this;
      const free = this.#free(event.clientX);
      const reach = (REACH / timeline.track.clientWidth) * timeline.span;
      const times = trim.naturalTimes(timeline.version, this.wave.speech);
      const time = event.shiftKey ? free : trim.snapped(free, times, reach);
      this.on.drag(trim.trimmed(this.parts, this.place, edge, time, timeline.version.duration));
      this.#show(edge);
    };
    handle.addEventListener('pointerdown', (event) => {
      held = true;
      handle.setPointerCapture(event.pointerId);
      event.preventDefault();
      handle.focus();
    });
    handle.addEventListener('pointermove', (event) => held && move(event));
    for (const event of ['pointerup', 'pointercancel']) {
      handle.addEventListener(event, () => {
        if (held) this.on.settle();
        held = false;
      });
    }
    handle.addEventListener('keydown', (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      event.stopPropagation();
      const { version } = this.timeline;
      const time = this.parts[this.place][edge] + by * (event.shiftKey ? 1 : 1 / version.fps);
      this.#change(trim.trimmed(this.parts, this.place, edge, time, version.duration));
      this.#show(edge);
      speak(spokenTime(this.parts[this.place][edge]));
    });
    return handle;
  }

  #free(clientX) {
    const { track, from, span } = this.timeline;
    const box = track.getBoundingClientRect();
    return from + ((clientX - box.left) / box.width) * span;
  }

  /** Show the first or last frame of the chosen part. */
  #show(edge) {
    const time = this.parts[this.place][edge];
    this.on.seek(edge ? time - 1 / this.timeline.version.fps : time);
  }
}
