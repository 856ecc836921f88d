// The page: follows the session, and shows the library, the progress of a video or the studio.

import { actionsOf } from './actions.js';
import { Adding } from './adding.js';
import { api, follow, projectAddress } from './api.js';
import { make, toast, toastError } from './dom.js';
import { Files } from './files.js';
import { fillHelp, listen } from './keys.js';
import { Library } from './library.js';
import { Studio } from './studio.js';
import { setUpTheme } from './theme.js';
import { plural } from './words.js';
import { workingPage } from './working.js';

const byId = (id) => document.getElementById(id);
const main = byId('main');
const files = new Files();
let session = null;
let shown = { kind: '', id: '', view: null };
let open = decodeURIComponent(location.hash.slice(1)); // id of the open video
let first = true;

const adding = new Adding({
  session: () => session,
  changed: () => show(),
  added: (video, alone) => {
    if (!open && alone) go(video.id);
    else toast(`Added “${video.title}”.`, 'info', open === video.id ? null : ['Open', () => go(video.id)]);
  },
});

setUpTheme(byId('theme'), () => shown.view?.redraw?.());

function go(id) {
  open = id;
  history.pushState(null, '', id ? `/#${encodeURIComponent(id)}` : '/');
  show();
}
for (const event of ['hashchange', 'popstate']) {
  addEventListener(event, () => {
    open = decodeURIComponent(location.hash.slice(1));
    show();
  });
}

async function remove(id) {
  const video = session?.videos.find((each) => each.id === id);
  if (video?.versions && !confirm(`Remove “${video.title}” from the studio, with its versions and saved files?`)) return;
  try {
    await api.remove(id);
    if (open === id) go('');
  } catch (error) {
    toastError(error);
  }
}

function show() {
  if (!session) return;
  const video = session.videos.find((each) => each.id === open);
  const kind = !video ? 'library' : video.versions ? 'studio' : 'working';
  if (shown.kind !== kind || shown.id !== (video?.id || '')) {
    const moved = shown.kind !== '';
    shown.view?.close();
    byId('undo').disabled = byId('redo').disabled = true;
    const view = {
      library: () =>
        new Library({
          pick: adding.pick,
          path: (text) => adding.path(text),
          open: go,
          remove,
          cancelUpload: (key) => adding.cancel(key),
        }),
      working: () => workingPage(video, { remove }),
      studio: () => new Studio(video, { onHistory, openFiles, openHelp }),
    }[kind]();
    shown = { kind, id: video?.id || '', view };
    document.body.dataset.view = kind;
    main.replaceChildren(view.page);
    if (moved) {
      scrollTo(0, 0);
      main.focus({ preventScroll: true });
    }
    document.title = video ? `${video.title} – summdiff studio` : 'summdiff studio';
    byId('title').textContent = byId('title').title = video?.title ?? '';
    byId('project').hidden = kind !== 'studio';
    if (kind === 'studio') view.start().catch(toastError);
  }
  byId('all').hidden = kind === 'library';
  const sending = adding.list;
  byId('sending').hidden = kind === 'library' || !sending.length;
  byId('sending').textContent = `Uploading ${plural(sending.length, 'video')}`;
  if (kind === 'library') shown.view.update(session, sending);
  else shown.view.update(video);
  if (kind === 'studio') files.update(video);
}

function onHistory(canUndo, canRedo) {
  byId('undo').disabled = !canUndo;
  byId('redo').disabled = !canRedo;
}

function openFiles(section) {
  const { view, kind } = shown;
  if (kind !== 'studio' || !view.choice) return;
  files.open(section, {
    video: view.video,
    formats: session.formats,
    unavailable: session.unavailable_formats,
    choice: view.choice,
    decisions: () => view.edits.present,
  });
}

function openHelp() {
  byId('menu-dialog').showModal();
}

byId('undo').addEventListener('click', () => shown.view?.edits?.undo());
byId('redo').addEventListener('click', () => shown.view?.edits?.redo());
byId('all').addEventListener('click', () => go(''));
byId('project').addEventListener('click', () => {
  make('a', { href: projectAddress(open), download: '' }).click();
});
byId('menu').addEventListener('click', openHelp);
document.querySelector('.brand').addEventListener('click', (event) => {
  event.preventDefault();
  go('');
});
const single = byId('single-keys');
fillHelp(byId('menu-dialog'), single);
listen(
  () => (shown.kind === 'studio' ? actionsOf(shown.view) : null),
  () => single.checked,
);

// A click outside a dialog closes it.
for (const dialog of document.querySelectorAll('dialog')) {
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
}

/** Say that the server cannot be reached, and keep what needs it from being used. */
function setLost(sentence) {
  byId('lost').hidden = !sentence;
  if (byId('lost').textContent !== sentence) byId('lost').textContent = sentence;
  document.body.classList.toggle('is-lost', Boolean(sentence));
}

addEventListener('summdiff:connection', ({ detail }) => setLost(detail));

follow(
  (now) => {
    session = now;
    setLost('');
    if (first && !now.videos.some((video) => video.id === open)) open = now.videos.length === 1 ? now.videos[0].id : '';
    first = false;
    show();
  },
  (sentence) => setLost(sentence),
);
