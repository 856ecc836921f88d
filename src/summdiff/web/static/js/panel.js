// The panel beside the player: length, constraints, new versions, and alternatives.

import { leastShare, placeOf, shareAt } from './budget.js';
import { colour, icon, make, part, sharp } from './dom.js';
import { clock, percent, plural, secondsOf, spokenTime } from './words.js';

const BAR = 12; // CSS pixels
const GAP = 4;

export class Panel {
  /**
   * `on` has drag(share), settle(), budget(share), release(shot), ask(), cancelNewVersion(), useVersion(number),
   * useAlternative(place or null), seek(seconds).
   */
  constructor(root, on) {
    this.root = root;
    this.on = on;
    this.slider = part(root, 'budget');
    this.allowed = part(root, 'allowed');
    this.slider.addEventListener('input', () => on.drag(shareAt(Number(this.slider.value), this.version.duration)));
    for (const event of ['change', 'blur']) this.slider.addEventListener(event, () => on.settle());
    this.allowed.addEventListener('change', () => this.#typed());
    this.allowed.addEventListener('keydown', (event) => event.key === 'Enter' && this.allowed.blur());
    part(root, 'ask').addEventListener('click', () => on.ask());
    part(root, 'asking-cancel').addEventListener('click', () => on.cancelNewVersion());
    this.alternatives = part(root, 'alternatives');
  }

  setVersion(version) {
    this.version = version;
    part(this.root, 'warnings').replaceChildren(
      ...version.warnings.map((warning) => make('li', { textContent: warning })),
    );
    part(this.root, 'least').textContent = percent(leastShare(version.duration));
    part(this.root, 'most').textContent = 'all of it';
  }

  setFilmstrip(filmstrip) {
    this.filmstrip = filmstrip;
  }

  /** Redraw the alternatives after a change of colours or of the filmstrip. */
  redraw() {
    this.alternativesKey = '';
    if (this.last) this.update(this.last);
  }

  /** Show the present state; `choice` is its selection. */
  update(now) {
    this.last = now;
    const { state, choice, versions, asked } = now;
    const { version } = this;
    const { duration } = version;
    const place = placeOf(state.budget, duration);
    if (Number(this.slider.value) !== place) this.slider.value = place;
    this.slider.style.setProperty('--filled', `${place / 10}%`);
    const text = `${spokenTime(choice.seconds)} of ${spokenTime(duration)}, ${percent(choice.seconds / duration)}`;
    this.slider.setAttribute('aria-valuetext', `at most ${spokenTime(state.budget * duration)}; chosen ${text}`);
    part(this.root, 'length').textContent = clock(choice.seconds);
    part(this.root, 'of').textContent =
      `of ${clock(duration)} · ${percent(choice.seconds / duration)} · ${plural(choice.parts.length, 'part')}`;
    if (document.activeElement !== this.allowed) this.allowed.value = clock(state.budget * duration);
    this.#constraints(state, asked);
    this.#versions(state, versions);
    this.#alternatives(state, choice, asked);
  }

  problem(text) {
    const line = part(this.root, 'problem');
    line.hidden = !text;
    if (line.textContent !== text) line.textContent = text;
  }

  /** Show the job that computes a new version; null if there is none. */
  asking(job) {
    const running = job && (job.state === 'waiting' || job.state === 'running');
    part(this.root, 'asking').hidden = !running;
    part(this.root, 'ask').hidden = Boolean(running);
    if (running) part(this.root, 'asking-bar').value = job.stage === 'score' ? job.done / Math.max(job.total, 1e-9) : 0;
  }

  focusBudget() {
    this.slider.focus();
  }

  #typed() {
    const seconds = secondsOf(this.allowed.value);
    const { duration } = this.version;
    if (seconds > 0) this.on.budget(Math.min(1, Math.max(seconds / duration, leastShare(duration))));
    else this.problem(`“${this.allowed.value}” is not a time: write it like 90 or 1:30.`);
  }

  #constraints(state, asked) {
    const chip = (place, kind) => {
      const shot = this.version.shots[place];
      const name = `Shot ${place + 1} · ${clock(shot.start)}`;
      const go = make('button', { className: 'chip-name', title: 'Go there' }, icon(kind), name);
      go.addEventListener('click', () => this.on.seek(shot.start));
      const verb = kind === 'pin' ? 'Unpin' : 'Unban';
      const away = make(
        'button',
        { className: 'icon', title: verb, 'aria-label': `${verb} shot ${place + 1}` },
        icon('close'),
      );
      away.addEventListener('click', () => this.on.release(place));
      return make('li', { className: `chip ${kind}` }, go, away);
    };
    const key = JSON.stringify([state.pins, state.bans]);
    if (this.chipsKey !== key) {
      this.chipsKey = key;
      part(this.root, 'chips').replaceChildren(
        ...state.pins.map((place) => chip(place, 'pin')),
        ...state.bans.map((place) => chip(place, 'ban')),
      );
    }
    const any = state.pins.length + state.bans.length > 0;
    part(this.root, 'ask').classList.toggle('stale', !asked);
    part(this.root, 'ask-text').textContent = asked && any ? 'Ask again with these wishes' : 'Ask again';
    part(this.root, 'hint').textContent = !any
      ? asked
        ? 'Pin a shot to keep it, ban one to leave it out. The rest follows.'
        : 'No wishes now. Ask again, and the model samples freely.'
      : asked
        ? 'The curve was sampled with these wishes in mind.'
        : 'The choice follows already. Ask again, and the model samples the rest of the curve to go with it.';
  }

  #versions(state, versions) {
    const box = part(this.root, 'versions');
    const key = JSON.stringify([versions, state.version]);
    if (this.versionsKey === key) return;
    this.versionsKey = key;
    box.hidden = versions.length < 2;
    box.replaceChildren(
      ...versions.map(({ number, constraints }) => {
        const text = `Version ${number + 1}`;
        const button = make(
          'button',
          {
            className: 'version',
            title: constraints ? `${text}: with ${plural(constraints, 'wish').replace('wishs', 'wishes')}` : `${text}: free`,
            'aria-pressed': String(number === state.version),
          },
          text,
        );
        button.addEventListener('click', () => this.on.useVersion(number));
        return button;
      }),
    );
  }

  #alternatives(state, choice, asked) {
    const { version } = this;
    const shown = [
      { main: true, selection: state.alternative === null ? choice.parts : version.selection.parts },
      ...version.alternatives,
    ];
    const parts = state.alternative === null ? choice.parts : 0;
    const key = JSON.stringify([version.version, state.alternative, asked, parts]);
    if (this.alternativesKey === key) return;
    this.alternativesKey = key;
    if (this.builtFor !== version) {
      this.builtFor = version;
      this.alternatives.replaceChildren(
        ...shown.map((each, place) => {
          const letter = String.fromCharCode(65 + place);
          const title = make('b', {}, make('span', { className: 'sr', textContent: 'Summary ' }), letter);
          const words = make('span', { className: 'alternative-words' });
          const button = make(
            'button',
            { className: 'alternative' },
            title,
            make('canvas', { 'aria-hidden': 'true' }),
            words,
          );
          button.addEventListener('click', () => this.on.useAlternative(place === 0 ? null : place - 1));
          return button;
        }),
      );
    }
    part(this.root, 'outdated').hidden = asked || !version.alternatives.length;
    shown.forEach((each, place) => {
      const button = this.alternatives.children[place];
      button.disabled = !each.main && !asked; // it may contain shots that are banned now
      const used = (each.main && state.alternative === null) || state.alternative === place - 1;
      button.setAttribute('aria-pressed', String(used));
      const seconds = each.selection.reduce((sum, [start, end]) => sum + end - start, 0);
      const words = each.main
        ? `${clock(seconds)} · the best`
        : `${clock(seconds)} · ${percent(Math.min(each.expected, 1))} as good · ${percent(each.overlap)} shared`;
      button.querySelector('.alternative-words').textContent = words;
      const canvas = button.querySelector('canvas');
      button.classList.toggle('bare', !this.filmstrip?.ready);
      this.#portray(canvas, each.selection);
    });
  }

  /** Draw a summary: the positions of its parts, and thumbnails of the longest. */
  #portray(canvas, selection) {
    const { clientWidth: width, clientHeight: height } = canvas;
    const { duration } = this.version;
    const context = sharp(canvas, width, height);
    context.clearRect(0, 0, width, height);
    context.fillStyle = colour('block');
    context.beginPath();
    context.roundRect(0, 0, width, BAR, 3);
    context.fill();
    context.fillStyle = colour('lit');
    for (const [start, end] of selection) {
      context.fillRect((start / duration) * width, 0, Math.max(((end - start) / duration) * width, 1), BAR);
    }
    if (!this.filmstrip?.ready) return;
    const down = height - BAR - GAP;
    const most = Math.max(1, Math.floor((width + GAP) / (down * 1.5 + GAP)));
    const shown = [...selection]
      .sort(([a, b], [c, d]) => d - c - (b - a))
      .slice(0, most)
      .sort(([a], [c]) => a - c);
    const across = Math.min(down * 1.78, (width + GAP) / most - GAP);
    shown.forEach(([start, end], place) => {
      this.filmstrip.draw(context, (start + end) / 2, place * (across + GAP), BAR + GAP, across, down);
    });
  }
}
