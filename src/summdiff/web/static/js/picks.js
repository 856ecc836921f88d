// The person's picks: shots to keep and to leave out, new suggestions under them, and their versions.

import { icon, make, part } from './dom.js';
import { clock, plural } from './words.js';

export class Picks {
  /** `on` has release(span), suggest(), cancelSuggesting(), useVersion(number), seek(seconds). */
  constructor(root, on) {
    this.root = root;
    this.on = on;
    part(root, 'suggest').addEventListener('click', () => on.suggest());
    part(root, 'suggesting-cancel').addEventListener('click', () => on.cancelSuggesting());
  }

  /** Show the state and the versions; `suggested` says whether the version was made for these picks. */
  update(state, versions, suggested) {
    const count = state.keep.length + state.drop.length;
    this.#chips(state);
    part(this.root, 'suggest').className = suggested ? 'quiet' : 'primary';
    part(this.root, 'picks-note').textContent = !count
      ? 'Keep something or leave it out. We’ll fill in the rest.'
      : suggested
        ? 'These suggestions were made for your picks.'
        : 'We filled in the rest. Suggest again to find moments that go with your picks.';
    this.#versions(state, versions);
  }

  /** Show the job that suggests again; null if there is none. */
  suggesting(job) {
    const running = job && (job.state === 'waiting' || job.state === 'running');
    const button = part(this.root, 'suggest');
    const cancel = part(this.root, 'suggesting-cancel');
    const had = [button, cancel].includes(document.activeElement);
    part(this.root, 'suggesting').hidden = !running;
    button.hidden = Boolean(running);
    if (had && (running ? button : cancel) === document.activeElement) (running ? cancel : button).focus();
    else if (had && document.activeElement === document.body) (running ? cancel : button).focus();
    if (running) part(this.root, 'suggesting-bar').value = job.stage === 'score' ? job.done / Math.max(job.total, 1e-9) : 0;
  }

  #chips(state) {
    const key = JSON.stringify([state.keep, state.drop]);
    if (this.key === key) return;
    this.key = key;
    const list = part(this.root, 'chips');
    const buttons = [...list.querySelectorAll('.icon')];
    const focused = buttons.indexOf(document.activeElement);
    const chip = (span, kind) => {
      const kept = kind === 'keep';
      const name = `${clock(span[0])} – ${clock(span[1])}`;
      const go = make('button', { className: 'chip-name', title: 'Go there' }, icon(kind), name);
      go.addEventListener('click', () => this.on.seek(span[0]));
      const label = `Undo: ${kept ? 'keep' : 'leave out'} ${name}`;
      const away = make('button', { className: 'icon', title: 'Undo this pick', 'aria-label': label }, icon('close'));
      away.addEventListener('click', () => this.on.release(span));
      const word = make('span', { className: 'sr', textContent: kept ? 'Keep ' : 'Leave out ' });
      return make('li', { className: `chip ${kind}` }, word, go, away);
    };
    list.replaceChildren(
      ...state.keep.map((span) => chip(span, 'keep')),
      ...state.drop.map((span) => chip(span, 'drop')),
    );
    if (focused >= 0) {
      const next = [...list.querySelectorAll('.icon')];
      (next[Math.min(focused, next.length - 1)] ?? part(this.root, 'suggest')).focus();
    }
  }

  #versions(state, versions) {
    const box = part(this.root, 'versions');
    const key = `${versions.length} ${state.version}`;
    if (this.versionsKey === key) return;
    this.versionsKey = key;
    box.hidden = versions.length < 2;
    const focused = [...box.children].indexOf(document.activeElement);
    box.replaceChildren(
      ...versions.map(({ version: number, keep, drop, about }) => {
        const picks = keep.length + drop.length;
        const reasons = [...(picks ? [plural(picks, 'pick')] : []), ...about.map((text) => `“${text}”`)];
        const button = make(
          'button',
          {
            className: 'version',
            title: reasons.length ? `Suggested for ${reasons.join(', ')}` : 'Suggested without picks',
            'aria-pressed': String(number === state.version),
          },
          `Version ${number + 1}`,
        );
        button.addEventListener('click', () => this.on.useVersion(number));
        return button;
      }),
    );
    if (focused >= 0) box.children[focused]?.focus();
  }
}
