// The shots as cards. The list is one tab stop, with the buttons of one card; arrow keys go from card to card.

import { pictureAddress } from './api.js';
import { icon, make } from './dom.js';
import { holdMost, secondsIn } from './spans.js';
import { clock, percent, plural } from './words.js';

const MANY = 80; // shots; longer lists show only those in the summary at first
const FILTERS = [
  ['all', 'All'],
  ['chosen', 'In the summary'],
  ['picked', 'Your picks'],
];

export class ShotList {
  /** `on` has seek(seconds), keep(shot), leaveOut(shot). */
  constructor(root, video, on) {
    this.list = root.querySelector('[data-shots]');
    this.video = video;
    this.on = on;
    this.filter = 'all';
    this.cards = [];
    this.current = 0;
    this.filters = FILTERS.map(([name, text]) => {
      const button = make('button', { className: 'filter', textContent: text, 'aria-pressed': String(name === 'all') });
      button.addEventListener('click', () => this.setFilter(name));
      return button;
    });
    root.querySelector('[data-filters]').append(...this.filters);
    this.list.addEventListener('click', (event) => {
      const card = event.target.closest('li');
      if (!card) return;
      const place = Number(card.dataset.place);
      if (event.target.closest('.card-keep')) this.on.keep(place);
      else if (event.target.closest('.card-drop')) this.on.leaveOut(place);
      else this.on.seek(this.#beginning(place));
    });
    this.list.addEventListener('keydown', (event) => this.#key(event));
  }

  setVersion(version) {
    const shots = JSON.stringify(version.shots.map(({ start }) => start));
    const fresh = this.shotsKey !== shots;
    this.version = version;
    if (!fresh) return;
    this.shotsKey = shots;
    this.entry = null;
    this.cards = version.shots.map((shot, place) => this.#card(shot, place));
    this.list.replaceChildren(...this.cards);
    if (this.cards.length > MANY && this.filter === 'all') this.setFilter('chosen');
  }

  /** Show what is chosen: parts, and the spans of the person's picks. */
  setChoice(parts, keep, drop, details) {
    this.parts = parts;
    let [chosen, picked] = [0, 0];
    const scores = this.version.shots.map((shot) => shot.score);
    const [low, high] = [Math.min(...scores), Math.max(...scores)];
    this.cards.forEach((card, place) => {
      const shot = this.version.shots[place];
      const seconds = secondsIn(parts, shot.start, shot.end);
      const kept = holdMost(keep, shot.start, shot.end);
      const left = holdMost(drop, shot.start, shot.end);
      chosen += seconds > 0.01;
      picked += kept || left;
      const state = `${seconds}${kept}${left}${shot.score}${details}`;
      if (card.dataset.state === state) return;
      card.dataset.state = state;
      this.#fill(card, shot, place, { seconds, kept, left, bar: (shot.score - low) / Math.max(high - low, 1e-6) });
    });
    this.#enter();
    const counts = { all: this.cards.length, chosen, picked };
    FILTERS.forEach(([name, text], place) => {
      this.filters[place].textContent = `${text} ${counts[name]}`;
    });
  }

  setFilter(name) {
    this.filter = name;
    this.list.dataset.filter = name;
    FILTERS.forEach(([each], place) => this.filters[place].setAttribute('aria-pressed', String(each === name)));
    this.#enter();
  }

  /** Mark the shot at the playhead. */
  setCurrent(place) {
    if (place === this.current && this.cards[place]?.classList.contains('current')) return;
    this.cards[this.current]?.classList.remove('current');
    this.current = place;
    this.cards[place]?.classList.add('current');
    this.#enter();
  }

  #card(shot, place) {
    const picture = make('img', { alt: '', loading: 'lazy', src: pictureAddress(this.video, shot.start, shot.end) });
    const text = make('span', { className: 'card-text' });
    const bar = make('span', { className: 'card-score', 'aria-hidden': 'true' }, make('i'));
    const card = make(
      'li',
      {},
      make('button', { className: 'card-go', tabIndex: -1 }, picture, text, bar),
      make('button', { className: 'card-keep', title: 'Keep (P)', tabIndex: -1 }, icon('keep')),
      make('button', { className: 'card-drop', title: 'Leave out (X)', tabIndex: -1 }, icon('drop')),
    );
    card.dataset.place = place;
    return card;
  }

  #fill(card, shot, place, { seconds, kept, left, bar }) {
    const [go, keep, drop] = card.children;
    const length = shot.end - shot.start;
    const partly = seconds > 0.01 && length - seconds > 0.05;
    card.classList.toggle('chosen', seconds > 0.01);
    card.classList.toggle('kept', kept);
    card.classList.toggle('left-out', left);
    const lengths = `${partly ? `${seconds.toFixed(1)} of ` : ''}${length.toFixed(1)} s`;
    go.children[2].firstElementChild.style.width = `${100 * bar}%`;
    go.children[2].title = `importance ${shot.score.toFixed(2)}, in ${percent(shot.probability)} of samples`;
    const inside = seconds < 0.01 ? 'not included' : partly ? `${seconds.toFixed(1)} s in the summary` : 'in the summary';
    const name = `Shot ${place + 1}`;
    const spoken = make('i', { className: 'sr', textContent: `, ${name}, ${inside}` });
    go.children[1].replaceChildren(`${clock(shot.start)} `, make('span', { textContent: lengths }), spoken);
    keep.setAttribute('aria-label', `Keep ${name.toLowerCase()}`);
    drop.setAttribute('aria-label', `Leave out ${name.toLowerCase()}`);
    keep.setAttribute('aria-pressed', String(kept));
    drop.setAttribute('aria-pressed', String(left));
  }

  /** Make the buttons of the shot at the playhead the tab stops, or those of the nearest that the filter shows. */
  #enter() {
    const away = (card) => Math.abs(Number(card.dataset.place) - this.current);
    const near = this.cards.filter((card) => this.#passes(card)).reduce((a, b) => (a && away(a) <= away(b) ? a : b), null);
    if (this.entry === near) return;
    for (const button of this.entry?.children ?? []) button.tabIndex = -1;
    for (const button of near?.children ?? []) button.tabIndex = 0;
    this.entry = near;
  }

  /** Where to look at a shot: where its first chosen part starts, else where the shot does. */
  #beginning(place) {
    const { start, end } = this.version.shots[place];
    const chosen = (this.parts ?? []).filter((each) => each[0] < end - 0.01 && each[1] > start + 0.01);
    return chosen.length ? Math.max(Math.min(...chosen.map(([from]) => from)), start) : start;
  }

  /** Whether the filter shows a card; the style sheet hides the others. */
  #passes(card) {
    if (this.filter === 'chosen') return card.classList.contains('chosen');
    return this.filter === 'all' || card.classList.contains('kept') || card.classList.contains('left-out');
  }

  #key(event) {
    const shown = this.cards.filter((card) => card.offsetParent);
    const at = shown.indexOf(event.target.closest('li'));
    if (at < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    const row = shown.filter((card) => card.offsetTop === shown[0].offsetTop).length;
    const to = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      ArrowDown: at + row,
      ArrowUp: at - row,
      Home: 0,
      End: shown.length - 1,
    }[event.key];
    if (to === undefined) return;
    const card = shown[Math.min(Math.max(to, 0), shown.length - 1)];
    this.on.seek(this.version.shots[Number(card.dataset.place)].start);
    card.firstElementChild.focus();
    event.preventDefault();
    event.stopPropagation();
  }
}
