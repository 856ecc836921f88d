// Light or dark: the system's theme, or the one that was chosen.

import { forgetColours, remember, remembered } from './dom.js';

/** Follow the theme; calls `onChange` after each change. `button` switches it. */
export function setUpTheme(button, onChange) {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const set = (theme) => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    repaint();
  };
  const repaint = () => {
    forgetColours();
    onChange();
  };
  set(remembered('theme', ''));
  button.addEventListener('click', () => {
    const now = document.documentElement.dataset.theme || (dark.matches ? 'dark' : 'light');
    const next = now === 'dark' ? 'light' : 'dark';
    set(next);
    remember('theme', next);
  });
  dark.addEventListener('change', repaint);
  matchMedia('(forced-colors: active)').addEventListener('change', repaint);
}
