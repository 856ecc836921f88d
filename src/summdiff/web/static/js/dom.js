// Helpers for elements of the page. Text is always inserted as text, never as markup.

/** The first element in `root` with the attribute `data-<name>`. */
export function part(root, name) {
  return root.querySelector(`[data-${name}]`);
}

/** A copy of the only element in a template. */
export function copyOf(template) {
  return document.getElementById(template).content.firstElementChild.cloneNode(true);
}

/** An element with properties, attributes (`aria-…`, `data-…`, `role`) and children. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.includes('-') || name === 'role') element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** One of the page's symbols. */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  return svg;
}

/** Change a button's symbol, tooltip and accessible name. */
export function relabel(button, symbol, text, key) {
  button.querySelector('use').setAttribute('href', `#i-${symbol}`);
  button.title = key ? `${text} (${key})` : text;
  const spoken = button.querySelector('.sr');
  if (spoken) spoken.textContent = text;
}

/** Match a canvas to the resolution of the screen; returns its context, scaled to CSS pixels. */
export function sharp(canvas, width, height) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const across = Math.max(1, Math.round(width * ratio));
  const down = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across;
    canvas.height = down;
  }
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

const colours = new Map(); // reading the style sheet takes longer than drawing a shot

/** A colour of the style sheet, by the name of its variable. */
export function colour(name) {
  if (!colours.has(name))
    colours.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  return colours.get(name);
}

/** Read colours from the style sheet again, after a change of theme. */
export function forgetColours() {
  colours.clear();
}

/** Show an error of a request, unless the page says already that the connection is lost. */
export function toastError(error) {
  if (error.status !== 0) toast(error.message, 'error');
}

/** Show a message for some seconds, once; errors stay longer. `action` is [word, function] of a button. */
export function toast(text, kind = 'info', action = null) {
  const box = document.getElementById('toasts');
  const close = make('button', { className: 'icon', title: 'Close' }, icon('close'), make('span', { className: 'sr', textContent: 'Close' }));
  const item = make('div', { className: `toast ${kind}` }, make('p', { textContent: text }));
  if (action) {
    const button = make('button', { className: 'toast-action', textContent: action[0] });
    button.addEventListener('click', () => {
      item.remove();
      action[1]();
    });
    item.append(button);
  }
  item.append(close);
  if (kind === 'error') item.setAttribute('role', 'alert');
  close.addEventListener('click', () => item.remove());
  for (const other of [...box.children]) if (other.firstElementChild.textContent === text) other.remove();
  box.append(item);
  while (box.children.length > 2) box.firstElementChild.remove();
  setTimeout(() => item.remove(), kind === 'error' ? 12000 : 6000);
}

/** Announce a text to screen readers. */
export function speak(text) {
  document.getElementById('spoken').textContent = text;
}

/** A value that stays in this browser, or `otherwise`. */
export function remembered(name, otherwise) {
  try {
    return localStorage.getItem(`summdiff:${name}`) ?? otherwise;
  } catch {
    return otherwise; // storage is forbidden
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(`summdiff:${name}`, value);
  } catch {
    // Storage is forbidden: the value lasts until the page is closed.
  }
}
