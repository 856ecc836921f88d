// Requests to the server; docs/studio.md describes the HTTP API. Each tells the page whether the server answers.

const ENDED = 'This session is over. Open the address that `summdiff serve` has printed, or reload the page.';
const LOST = 'Lost connection. Is summdiff still running?';

const CHANGE = { 'X-Summdiff': '1' };

export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function answerOf(response) {
  const body = response.status === 204 ? null : await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(body?.detail || `The server answered ${response.status}.`, response.status);
  return body;
}

async function ask(method, path, body) {
  let response;
  try {
    response = await fetch(`/api${path}`, {
      method,
      headers: method === 'GET' ? {} : { ...CHANGE, ...(body ? { 'Content-Type': 'application/json' } : {}) },
      body: body instanceof Blob || !body ? body : JSON.stringify(body),
    });
  } catch {
    dispatchEvent(new CustomEvent('summdiff:connection', { detail: LOST }));
    throw new ApiError(LOST, 0);
  }
  dispatchEvent(new CustomEvent('summdiff:connection', { detail: '' }));
  return answerOf(response);
}

const times = (start, end) => `start=${start.toFixed(4)}&end=${end.toFixed(4)}`;

export const api = {
  version: (video, number) => ask('GET', `/videos/${video}/versions/${number}`),
  transcript: (video, number) => ask('GET', `/videos/${video}/versions/${number}/transcript`),
  addLocal: (path) => ask('POST', '/videos/local', { path }),
  openProject: (file) => ask('POST', `/projects?name=${encodeURIComponent(file.name)}`, file),
  remove: (video) => ask('DELETE', `/videos/${video}`),
  analyze: (video) => ask('POST', `/videos/${video}/analysis`),
  select: (video, decisions, rough) => ask('POST', `/videos/${video}/selection${rough ? '?rough=true' : ''}`, decisions),
  alternatives: (video, decisions) => ask('POST', `/videos/${video}/alternatives`, decisions),
  edits: (video) => ask('GET', `/videos/${video}/edits`),
  edit: (video, decisions) => ask('POST', `/videos/${video}/edits`, decisions),
  undo: (video) => ask('POST', `/videos/${video}/edits/undo`),
  redo: (video) => ask('POST', `/videos/${video}/edits/redo`),
  addVersion: (video, request) => ask('POST', `/videos/${video}/versions`, request),
  exportFiles: (video, request) => ask('POST', `/videos/${video}/exports`, request),
  sound: (video, start, end, count) => ask('GET', `/videos/${video}/sound?${times(start, end)}&count=${count}`),
  cancel: (job) => ask('POST', `/jobs/${job}/cancel`),
};

export const mediaAddress = (video) => `/api/videos/${video}/media`;
export const captionsAddress = (video) => `/api/videos/${video}/captions`;
export const pictureAddress = (video, start, end) => `/api/videos/${video}/picture?${times(start, end)}`;
export const projectAddress = (video) => `/api/videos/${video}/project`;
export const archiveAddress = (video, job) => `/api/videos/${video}/exports/${job}`;
export const fileAddress = (video, job, number) => `/api/videos/${video}/exports/${job}/${number}`;

/** Upload a file and report its progress; returns {done: promise of the video, cancel()}. */
export function upload(file, onProgress) {
  const request = new XMLHttpRequest(); // fetch cannot report upload progress
  const done = new Promise((resolve, reject) => {
    request.open('POST', `/api/videos?name=${encodeURIComponent(file.name)}`);
    for (const [name, value] of Object.entries(CHANGE)) request.setRequestHeader(name, value);
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.responseType = 'json';
    request.upload.onprogress = (event) => onProgress(event.loaded / Math.max(event.total, 1));
    request.onload = () => {
      if (request.status === 201) resolve(request.response);
      else reject(new ApiError(request.response?.detail || `The server answered ${request.status}.`, request.status));
    };
    request.onerror = () => reject(new ApiError(`The upload of “${file.name}” broke off.`, 0));
    request.onabort = () => reject(new ApiError('', -1));
    request.send(file);
  });
  return { done, cancel: () => request.abort() };
}

/**
 * Follow the session: calls `onSession` at once and after every change, and `onLost(sentence)` while disconnected.
 * A hidden page disconnects, because browsers open only six connections to a server for all pages together.
 */
export function follow(onSession, onLost) {
  let source = null;
  const close = () => {
    source?.close();
    source = null;
  };
  const open = () => {
    if (source) return;
    source = new EventSource('/api/events');
    source.onmessage = (event) => onSession(JSON.parse(event.data));
    source.onerror = async () => {
      const ended = await ask('GET', '/session').then(
        () => '',
        (error) => (error.status === 401 ? ENDED : error.message),
      );
      if (ended) onLost(ended);
      if (source?.readyState === EventSource.CLOSED) {
        close();
        setTimeout(() => document.hidden || open(), 3000);
      }
    };
  };
  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
  open();
}
