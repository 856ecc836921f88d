// Three hints for the first visit, one after the other.

import { make, part, remember, remembered } from './dom.js';

const HINTS = [
  ['length', 'Drag to set how long the summary is. It follows while you drag.'],
  ['shots', 'Click a shot to see it. Keep it, or leave it out.'],
  ['save', 'Saves your summary as a video and downloads it.'],
];

/** Show the next hint in the studio's page, until all were seen. */
export function showHint(page) {
  const seen = Number(remembered('hints', '0'));
  for (const [name] of HINTS) part(page, `hint="${name}"`).hidden = true;
  if (!(seen < HINTS.length)) return;
  const [name, text] = HINTS[seen];
  const next = make('button', { className: 'small', textContent: seen + 1 < HINTS.length ? 'Next' : 'Got it' });
  const box = part(page, `hint="${name}"`);
  const go = (to) => {
    remember('hints', String(to));
    showHint(page);
    const focus = page.querySelector('.hint-box:not([hidden]) button') ?? part(page, 'save');
    focus.focus({ preventScroll: to >= HINTS.length });
  };
  next.addEventListener('click', () => go(seen + 1));
  const skip = make('button', { className: 'small', textContent: 'Skip hints' });
  skip.addEventListener('click', () => go(HINTS.length));
  box.replaceChildren(make('p', { textContent: `${seen + 1} of 3 · ${text}` }), next, ...(seen + 1 < HINTS.length ? [skip] : []));
  box.hidden = false;
}
