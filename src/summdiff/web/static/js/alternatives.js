// Other good choices at the same length: where their parts lie, pictures of some, and how they compare.

import { api, pictureAddress } from './api.js';
import { make, part } from './dom.js';
import { Latest, later } from './latest.js';
import { same, total } from './spans.js';
import { clock, goodness, percent, sharing } from './words.js';

const PICTURES = 4;
const WAIT = 350; // milliseconds after the last change

export class Alternatives {
  /** `use(place or null)` chooses one; null is the first choice. */
  constructor(root, video, use) {
    this.root = root;
    this.video = video;
    this.use = use;
    this.list = part(root, 'alternatives');
    this.found = null; // not yet known
    this.finding = new Latest((asked) => this.#find(asked));
    this.find = later((asked) => this.finding.ask(asked), WAIT);
  }

  close() {
    this.closed = true;
  }

  /** Show the state; `best` are the parts of the first choice where they are known, else null. */
  update(state, duration, best, details) {
    this.duration = duration;
    const { version, budget, keep, drop } = state;
    const asked = { version, budget, keep, drop };
    if (!same(asked, this.asked)) {
      this.asked = asked;
      this.best = null;
      this.find(asked);
    }
    this.best = best ?? this.best;
    this.state = state;
    this.details = details;
    this.#draw();
  }

  /** Whether there is a choice at this place. */
  has(place) {
    return place < (this.found?.length ?? 0);
  }

  async #find(asked) {
    try {
      const found = await api.alternatives(this.video, asked);
      if (this.closed || !same(asked, this.asked)) return;
      this.found = found.others;
      this.best = found.best;
      this.#draw();
    } catch {
      // The page says elsewhere that the connection is lost; a refusal is said beside the length.
    }
  }

  #draw() {
    const shown = [...(this.best ? [{ selection: this.best }] : [{ selection: null }]), ...(this.found ?? [])];
    part(this.root, 'no-alternatives').hidden = this.found?.length !== 0;
    while (this.list.children.length > shown.length) this.list.lastElementChild.remove();
    while (this.list.children.length < shown.length) this.list.append(this.#button(this.list.children.length));
    shown.forEach((choice, place) => this.#fill(this.list.children[place], choice, place));
  }

  #button(place) {
    const letter = String.fromCharCode(65 + place);
    const title = make('b', {}, make('span', { className: 'sr', textContent: 'Choice ' }), letter);
    const button = make(
      'button',
      { className: 'alternative' },
      title,
      make('span', { className: 'alternative-words' }),
      make('span', { className: 'alternative-where', 'aria-hidden': 'true' }),
      make('span', { className: 'alternative-pictures', 'aria-hidden': 'true' }),
    );
    button.addEventListener('click', () => this.use(place === 0 ? null : place - 1));
    return button;
  }

  #fill(button, choice, place) {
    const { state } = this;
    const used = !state.parts && (place === 0 ? state.alternative === null : state.alternative === place - 1);
    button.setAttribute('aria-pressed', String(used));
    const [, words, where, pictures] = button.children;
    const numbers = this.details && choice.expected ? ` · ${percent(Math.min(choice.expected, 1))}, ${percent(choice.overlap)} shared` : '';
    const length = choice.selection ? `${clock(total(choice.selection))} · ` : '';
    words.textContent = choice.expected
      ? `${length}${goodness(choice.expected)} · ${sharing(choice.overlap)}${numbers}`
      : `${length}Our first choice`;
    const key = JSON.stringify(choice.selection);
    if (button.dataset.key === key || !choice.selection) return;
    button.dataset.key = key;
    where.replaceChildren(
      ...choice.selection.map(([start, end]) => {
        const mark = make('i');
        mark.style.left = `${(100 * start) / this.duration}%`;
        mark.style.width = `${(100 * (end - start)) / this.duration}%`;
        return mark;
      }),
    );
    const longest = [...choice.selection].sort(([a, b], [c, d]) => d - c - (b - a)).slice(0, PICTURES);
    pictures.replaceChildren(
      ...longest
        .sort(([a], [b]) => a - b)
        .map(([start, end]) => make('img', { alt: '', loading: 'lazy', src: pictureAddress(this.video, start, end) })),
    );
  }
}
