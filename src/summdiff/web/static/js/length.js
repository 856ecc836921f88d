// The length of the summary: a slider with marks, and a field for a time or a share.

import { make, part } from './dom.js';
import { clock, percent, secondsOf, spokenTime } from './words.js';

const STEPS = 1000;
const MARKS = [5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400];

/** The shortest summary that can be set: one second. */
const leastShare = (duration) => Math.min(0.5, 1 / duration);

/** Power of the slider's scale: 1 for short videos, more for long ones, so that short lengths can be set finely. */
const power = (duration) => (duration <= 90 ? 1 : duration <= 900 ? 2 : 3);

export function shareAt(place, duration) {
  const least = leastShare(duration);
  return least + (1 - least) * (place / STEPS) ** power(duration);
}

export function placeOf(share, duration) {
  const least = leastShare(duration);
  return Math.round(STEPS * (Math.max(0, share - least) / (1 - least)) ** (1 / power(duration)));
}

export class Length {
  /** `on` has drag(share), settle(), budget(share). */
  constructor(root, duration, on) {
    this.root = root;
    this.duration = duration;
    this.slider = part(root, 'budget');
    this.allowed = part(root, 'allowed');
    this.slider.addEventListener('input', () => on.drag(shareAt(Number(this.slider.value), duration)));
    for (const event of ['change', 'blur']) this.slider.addEventListener(event, () => on.settle());
    this.allowed.addEventListener('change', () => this.#typed(on));
    this.allowed.addEventListener('keydown', (event) => event.key === 'Enter' && this.allowed.blur());
    this.#mark();
  }

  /** Show the chosen length; `choice` is the selection. */
  update(state, choice) {
    const { duration } = this;
    const place = placeOf(state.budget, duration);
    if (Number(this.slider.value) !== place) this.slider.value = place;
    this.slider.style.setProperty('--filled', `${place / 10}%`);
    const share = percent(choice.seconds / duration);
    this.slider.setAttribute(
      'aria-valuetext',
      `up to ${spokenTime(state.budget * duration)}; the summary lasts ${spokenTime(choice.seconds)}, ${share}`,
    );
    part(this.root, 'length').textContent = clock(choice.seconds);
    part(this.root, 'of').textContent = `of ${clock(duration)} · ${share}`;
    if (document.activeElement !== this.allowed) this.allowed.value = clock(state.budget * duration);
    const note = part(this.root, 'note');
    const raised = !state.parts && choice.allowed > state.budget * duration + 0.5 && state.keep.length;
    note.hidden = !(raised || state.parts);
    note.textContent = raised
      ? `What you kept takes ${clock(choice.seconds)}. Remove some of it to go shorter.`
      : 'You cut these parts by hand. Moving the slider replaces them.';
  }

  problem(text) {
    const line = part(this.root, 'problem');
    line.hidden = !text;
    if (line.textContent !== text) line.textContent = text;
  }

  focus() {
    this.slider.focus();
  }

  #typed(on) {
    const seconds = secondsOf(this.allowed.value, this.duration);
    const right = seconds > 0;
    this.problem(right ? '' : 'Enter a time such as 90, 1:30 or 20 s, or a share such as 25%.');
    if (right) on.budget(Math.min(1, Math.max(seconds / this.duration, leastShare(this.duration))));
  }

  #mark() {
    const { duration } = this;
    const marks = part(this.root, 'marks');
    let last = -1000;
    const shown = [1, ...MARKS.filter((seconds) => seconds < duration * 0.97), duration].filter((seconds) => {
      const place = placeOf(seconds / duration, duration);
      const clear = place - last >= 140 && (seconds === duration || STEPS - place >= (duration >= 3600 ? 270 : 210));
      if (clear) last = place;
      return clear;
    });
    marks.replaceChildren(
      ...shown.map((seconds) => {
        const mark = make('span', { textContent: seconds === duration ? 'full video' : clock(seconds) });
        mark.style.left = `${placeOf(seconds / duration, duration) / 10}%`;
        return mark;
      }),
    );
  }
}
