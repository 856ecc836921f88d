// The shots as cards. The list is one tab stop; arrow keys go from shot to shot, P pins, X bans.

import { icon, make, sharp } from './dom.js';
import { clock, percent, plural, secondsOfShot, shareOfShot } from './words.js';

const MANY = 80; // shots; longer lists show only those in the summary at first
const FILTERS = [
  ['all', 'All'],
  ['chosen', 'In the summary'],
  ['constrained', 'Pinned or banned'],
];

export class ShotList {
  /** `on` has seek(seconds), pin(shot), ban(shot). */
  constructor(root, on) {
    this.list = root.querySelector('[data-shots]');
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
      if (event.target.closest('.card-pin')) this.on.pin(place);
      else if (event.target.closest('.card-ban')) this.on.ban(place);
      else this.on.seek(this.#beginning(place));
    });
    this.list.addEventListener('keydown', (event) => this.#key(event));
    // Thumbnails are drawn when a card becomes visible, because a long video has hundreds.
    this.seen = new IntersectionObserver(
      (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => this.#paint(entry.target)),
      { rootMargin: '200px' },
    );
  }

  close() {
    this.seen.disconnect();
  }

  setVersion(version) {
    const fresh = !this.version || this.version.shots.length !== version.shots.length;
    this.version = version;
    if (!fresh) return;
    this.seen.disconnect();
    this.cards = version.shots.map((shot, place) => {
      const pin = make('span', { className: 'card-pin', title: 'Pin (P)', 'aria-hidden': 'true' }, icon('pin'));
      const ban = make('span', { className: 'card-ban', title: 'Ban (X)', 'aria-hidden': 'true' }, icon('ban'));
      const text = make('span', { className: 'card-text', 'aria-hidden': 'true' });
      const bar = make('span', { className: 'card-score', 'aria-hidden': 'true' }, make('i'));
      const card = make(
        'li',
        { role: 'option', tabIndex: -1 },
        make('canvas', { 'aria-hidden': 'true' }),
        pin,
        ban,
        text,
        bar,
      );
      card.dataset.place = place;
      text.textContent = `${place + 1} · ${clock(shot.start)}`;
      this.seen.observe(card);
      return card;
    });
    this.list.replaceChildren(...this.cards);
    if (this.cards.length > MANY) this.setFilter('chosen');
  }

  setFilmstrip(filmstrip) {
    this.filmstrip = filmstrip;
    for (const card of this.cards) delete card.dataset.painted;
    this.seen.disconnect();
    for (const card of this.cards) this.seen.observe(card);
  }

  setChoice({ chosen, parts, pins, bans }) {
    this.parts = parts;
    const [lit, pinned, banned] = [new Set(chosen), new Set(pins), new Set(bans)];
    const most = Math.max(...this.version.shots.map((shot) => shot.score), 1e-6);
    this.cards.forEach((card, place) => {
      const shot = this.version.shots[place];
      const [length, seconds] = [shot.end - shot.start, secondsOfShot(shot, parts)];
      const state = `${seconds}${lit.has(place)}${pinned.has(place)}${banned.has(place)}${shot.score}${shot.probability}`;
      if (card.dataset.state === state) return;
      card.dataset.state = state;
      card.setAttribute('aria-selected', String(lit.has(place)));
      const partly = seconds > 0.01 && length - seconds > 0.05;
      card.querySelector('.card-text').dataset.length =
        `${partly ? `${seconds.toFixed(1)} of ` : ''}${length.toFixed(1)} s`;
      card.classList.toggle('pinned', pinned.has(place));
      card.classList.toggle('banned', banned.has(place));
      const bar = card.querySelector('.card-score');
      bar.firstElementChild.style.width = `${(100 * shot.score) / most}%`;
      bar.title = `importance ${shot.score.toFixed(2)}, chosen in ${percent(shot.probability)} of samples`;
      const constraint = pinned.has(place) ? ', pinned' : banned.has(place) ? ', banned' : '';
      card.setAttribute(
        'aria-label',
        `Shot ${place + 1} · ${clock(shot.start)}, ${length.toFixed(1)} seconds, ` +
          `importance ${shot.score.toFixed(2)}, ${shareOfShot(shot, parts, 'not in the summary')}${constraint}`,
      );
    });
    this.#enter();
    const counts = { all: this.cards.length, chosen: lit.size, constrained: pinned.size + banned.size };
    FILTERS.forEach(([name, text], place) => {
      this.filters[place].textContent = `${text} ${counts[name]}`;
      this.filters[place].setAttribute('aria-label', `${text}: ${plural(counts[name], 'shot')}`);
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

  /** Make the shot at the playhead the tab stop, or the nearest one that the filter shows. */
  #enter() {
    const away = (card) => Math.abs(Number(card.dataset.place) - this.current);
    const passing = this.cards.filter((card) => this.#passes(card));
    const near = passing.reduce((a, b) => (a && away(a) <= away(b) ? a : b), null);
    if (this.entry === near) return;
    if (this.entry) this.entry.tabIndex = -1;
    if (near) near.tabIndex = 0;
    this.entry = near;
  }

  /** Where to look at a shot: where its first chosen part starts, else where the shot does. */
  #beginning(place) {
    const { start, end } = this.version.shots[place];
    const chosen = (this.parts ?? []).find((each) => each[0] < end - 0.01 && each[1] > start + 0.01);
    return chosen ? Math.max(chosen[0], start) : start;
  }

  /** Whether the filter shows a card; studio.css hides the others. */
  #passes(card) {
    if (this.filter === 'chosen') return card.getAttribute('aria-selected') === 'true';
    return this.filter === 'all' || card.classList.contains('pinned') || card.classList.contains('banned');
  }

  #paint(card) {
    if (!this.filmstrip?.ready || card.dataset.painted) return;
    card.dataset.painted = 'yes';
    const shot = this.version.shots[Number(card.dataset.place)];
    const canvas = card.firstElementChild;
    const { clientWidth: width, clientHeight: height } = canvas;
    this.filmstrip.draw(sharp(canvas, width, height), (shot.start + shot.end) / 2, 0, 0, width, height);
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
    const place = Number(shown[at].dataset.place);
    if (to !== undefined) {
      const card = shown[Math.min(Math.max(to, 0), shown.length - 1)];
      this.on.seek(this.version.shots[Number(card.dataset.place)].start);
      card.focus();
    } else if (event.key === 'Enter') this.on.seek(this.#beginning(place));
    else if (event.key.toLowerCase() === 'p') this.on.pin(place);
    else if (event.key.toLowerCase() === 'x') this.on.ban(place);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
