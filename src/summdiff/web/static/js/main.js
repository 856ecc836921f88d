// The page: follows the session, shows the open video, uploads files.

import { api, follow, upload } from './api.js';
import { forgetColours, icon, make, toast } from './dom.js';
import { Exporting } from './exporting.js';
import { fillHelp, listen } from './keys.js';
import { limitDrop, setUpDrop, startPage } from './start.js';
import { Studio } from './studio.js';
import { bytes, clock, percent } from './words.js';
import { workingPage } from './working.js';

const main = document.getElementById('main');
const byId = (id) => document.getElementById(id);
const exporting = new Exporting();
const uploads = new Map(); // key -> {title, share, cancel}, in the order of sending
let uploading = null; // key of the current upload: one at a time, because browsers have few connections per server
let session = null;
let shown = { kind: '', id: '', view: null };
let open = decodeURIComponent(location.hash.slice(1)); // id of the open video
let lost = false;

// Theme ----------------------------------------------------------------------------------------------------------------

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  repaint();
}
function repaint() {
  forgetColours();
  shown.view?.redraw?.();
}
try {
  setTheme(localStorage.getItem('summdiff:theme'));
} catch {
  // Storage is forbidden: use the system's theme.
}
byId('theme').addEventListener('click', () => {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const now = document.documentElement.dataset.theme || (dark ? 'dark' : 'light');
  const next = now === 'dark' ? 'light' : 'dark';
  setTheme(next);
  try {
    localStorage.setItem('summdiff:theme', next);
  } catch {
    // Storage is forbidden: the choice lasts until the page is closed.
  }
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', repaint);

// Adding videos ---------------------------------------------------------------------------------------------------------

function addFiles(files) {
  for (const file of files) {
    if (session && file.size > session.max_upload) {
      toast(`“${file.name}” has ${bytes(file.size)}; this studio takes up to ${bytes(session.max_upload)}.`, 'error');
      continue;
    }
    const key = crypto.randomUUID?.() ?? String(Math.random());
    const cancel = () => {
      uploads.delete(key);
      tabs();
    };
    uploads.set(key, { title: file.name, file, share: 0, cancel });
  }
  byId('add-dialog').close();
  send();
}

/** Upload the next waiting file. */
function send() {
  tabs();
  if (uploading !== null || !uploads.size) return;
  const [key, entry] = uploads.entries().next().value;
  uploading = key;
  const { done, cancel } = upload(entry.file, (share) => {
    entry.share = share;
    tabs();
  });
  entry.cancel = cancel;
  done
    .then((video) => (open ? toast(`“${entry.title}” is here.`) : go(video.id))) // never leave the open video
    .catch((error) => error.message && toast(error.message, 'error'))
    .finally(() => {
      uploads.delete(key);
      uploading = null;
      send();
    });
}

const picker = byId('picker');
picker.addEventListener('change', () => {
  addFiles(picker.files);
  picker.value = '';
});
const ways = {
  pick: () => picker.click(),
  path: async (text) => {
    try {
      const video = await api.addLocal(text);
      byId('add-dialog').close();
      go(video.id);
      return true;
    } catch (error) {
      toast(error.message, 'error');
      return false;
    }
  },
};
setUpDrop(byId('add-dialog').querySelector('[data-drop]'), ways);

let over = 0; // nested elements under the dragged file
const veil = byId('drop-veil');
const dragsFile = (event) => [...(event.dataTransfer?.types || [])].includes('Files');
addEventListener('dragenter', (event) => {
  if (!dragsFile(event)) return;
  over += 1;
  veil.hidden = false;
});
addEventListener('dragleave', (event) => {
  if (!dragsFile(event)) return;
  over = Math.max(0, over - 1);
  veil.hidden = over === 0;
});
addEventListener('dragover', (event) => dragsFile(event) && event.preventDefault());
addEventListener('drop', (event) => {
  if (!dragsFile(event)) return;
  event.preventDefault();
  over = 0;
  veil.hidden = true;
  addFiles(event.dataTransfer.files);
});
addEventListener('beforeunload', (event) => uploads.size && event.preventDefault());

// Videos ----------------------------------------------------------------------------------------------------------------

function go(id) {
  open = id;
  history.replaceState(null, '', id ? `/#${encodeURIComponent(id)}` : '/');
  show();
}
addEventListener('hashchange', () => {
  open = decodeURIComponent(location.hash.slice(1));
  show();
});
document.querySelector('.brand').addEventListener('click', (event) => {
  event.preventDefault();
  go('');
});

async function remove(id) {
  const video = session?.videos.find((each) => each.id === id);
  if (video?.versions && !confirm(`Remove “${video.title}” from the studio, with its versions and exports?`)) return;
  try {
    await api.remove(id);
    if (open === id) go('');
  } catch (error) {
    toast(error.message, 'error');
  }
}

/** Draw the row of videos at the top. */
function tabs() {
  const row = byId('films');
  const videos = session?.videos || [];
  const tab = (video) => {
    const job = video.analysis;
    const busy = job && (job.state === 'waiting' || job.state === 'running');
    const state = busy ? (job.state === 'waiting' ? 'waiting' : 'working') : video.versions ? 'ready' : job?.state || '';
    const select = make(
      'button',
      { className: 'film-name', 'aria-current': video.id === open ? 'page' : undefined },
      make('span', { className: 'dot' }),
      make('span', { textContent: video.title }),
    );
    select.title = `${video.title} · ${clock(video.duration)}${busy ? ` · ${state}` : ''}`;
    select.addEventListener('click', () => go(video.id));
    const away = make(
      'button',
      { className: 'icon', title: 'Remove from the studio', 'aria-label': `Remove ${video.title}` },
      icon('close'),
    );
    away.addEventListener('click', () => remove(video.id));
    return make('div', { className: `film is-${state}` }, select, away);
  };
  const sending = ([key, { title, share }]) => {
    const away = make(
      'button',
      { className: 'icon', title: 'Stop the upload', 'aria-label': `Stop the upload of ${title}` },
      icon('close'),
    );
    away.addEventListener('click', () => uploads.get(key)?.cancel());
    const state = key === uploading ? percent(share) : 'waiting';
    const bar = make('progress', { max: 1, value: share, 'aria-label': `Upload of ${title}` });
    return make(
      'div',
      { className: 'film is-sending' },
      make('span', { className: 'film-name' }, make('span', { textContent: `${title} · ${state}` })),
      bar,
      away,
    );
  };
  const key = JSON.stringify([
    open,
    videos.map((v) => [v.id, v.analysis?.state, v.versions]),
    [...uploads].map(([k, u]) => [k, k === uploading, percent(u.share)]),
  ]);
  if (row.dataset.key === key) return;
  row.dataset.key = key;
  byId('add').hidden = !videos.length && !uploads.size;
  const focused = row.contains(document.activeElement)
    ? [...row.querySelectorAll('button')].indexOf(document.activeElement)
    : -1;
  row.replaceChildren(...videos.map(tab), ...[...uploads].map(sending));
  if (focused >= 0) [...row.querySelectorAll('button')][focused]?.focus();
  row.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}

/** Show the start page, the progress of an analysis, or the studio. */
function show() {
  tabs();
  if (!session) return;
  const video = session.videos.find((each) => each.id === open);
  const kind = !video ? 'start' : video.versions ? 'studio' : 'working';
  if (shown.kind !== kind || shown.id !== (video?.id || '')) {
    shown.view?.close();
    byId('export').disabled = kind !== 'studio';
    byId('undo').disabled = byId('redo').disabled = true;
    const view = {
      start: () => startPage(ways),
      working: () => workingPage(video, { remove }),
      studio: () => new Studio(video, { onHistory, openExport, openHelp }),
    }[kind]();
    shown = { kind, id: video?.id || '', view };
    main.replaceChildren(view.page);
    document.title = video ? `${video.title} – summdiff studio` : 'summdiff studio';
    if (kind === 'studio') view.start().catch((error) => toast(error.message, 'error'));
  }
  if (kind === 'start') shown.view.update(session);
  else shown.view.update(video);
  if (kind === 'studio') exporting.update(video);
}

function onHistory(canUndo, canRedo) {
  byId('undo').disabled = !canUndo;
  byId('redo').disabled = !canRedo;
}

function openExport() {
  const { view, kind } = shown;
  if (kind !== 'studio' || !view.choice) return;
  exporting.open({
    video: view.video,
    formats: session.formats,
    unavailableFormats: session.unavailable_formats,
    choice: view.choice,
    selection: () => view.exportSelection(),
  });
}

function openHelp() {
  byId('help-dialog').showModal();
}

byId('undo').addEventListener('click', () => shown.view?.history?.undo());
byId('redo').addEventListener('click', () => shown.view?.history?.redo());
byId('add').addEventListener('click', () => byId('add-dialog').showModal());
byId('export').addEventListener('click', openExport);
byId('help').addEventListener('click', openHelp);
fillHelp(byId('help-dialog'));
listen(() => (shown.kind === 'studio' ? shown.view.actions : null));

// A click outside a dialog closes it.
for (const dialog of document.querySelectorAll('dialog')) {
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
}

let first = true;
follow(
  (now) => {
    session = now;
    limitDrop(byId('add-dialog').querySelector('[data-drop]'), now);
    if (lost) toast('The studio answers again.');
    lost = false;
    if (first && !now.videos.some((video) => video.id === open)) open = now.videos[0]?.id || '';
    first = false;
    show();
  },
  (sentence) => {
    if (!lost) toast(sentence, 'error');
    lost = true;
  },
);
