// What is said, beside the player: search in it, ask for content, and keep or leave out what is selected.

import { api } from './api.js';
import { icon, make, part, toastError } from './dom.js';
import { later } from './latest.js';
import { Sentences } from './sentences.js';
import { holdMost } from './spans.js';
import { plural } from './words.js';

const WAIT = 120; // milliseconds after the last letter of a search

/** Two buttons that go from one sentence to another, and a line that says where one is. */
class Steps {
  constructor(root, name, sentences, words) {
    this.line = part(root, `${name}-say`);
    this.buttons = [part(root, `${name}-before`), part(root, `${name}-next`)];
    this.sentences = sentences;
    this.words = words;
    this.places = [];
    this.buttons.forEach((button, place) => button.addEventListener('click', () => this.step(place ? 1 : -1)));
  }

  set(places, known) {
    this.places = places;
    for (const button of this.buttons) button.hidden = !places.length;
    this.line.textContent = known ? this.words(places.length) : '';
  }

  /** Go to the next or previous sentence from where one is. */
  step(by) {
    const { places, sentences } = this;
    if (!places.length) return;
    const from = sentences.selected.size || sentences.focused ? sentences.at : Math.max(sentences.current, 0) - (by > 0 ? 1 : 0);
    const after = places.findIndex((place) => place > from);
    const before = places.findLastIndex((place) => place < from);
    const next = by > 0 ? Math.max(after, 0) : before < 0 ? places.length - 1 : before;
    sentences.go(places[next]);
    this.line.textContent = `${next + 1} of ${places.length}`;
  }
}

export class Transcript {
  /** `on` has seek(seconds), pick(kind, spans, words), ask(texts) and download(). */
  constructor(root, video, on) {
    this.root = part(root, 'words');
    this.video = video;
    this.on = on;
    this.loaded = new Map(); // version -> promise of its transcript
    this.sentences = new Sentences(part(root, 'sentences'), { seek: on.seek, selected: () => this.#tools() });
    this.found = new Steps(this.root, 'find', this.sentences, (count) => (count ? plural(count, 'sentence') : 'Not found'));
    this.matched = new Steps(this.root, 'match', this.sentences, (count) =>
      count ? `${plural(count, 'sentence')} about it` : 'No sentence is about it.',
    );
    this.#listen();
  }

  get shown() {
    return !this.root.hidden;
  }

  get focused() {
    return this.root.contains(document.activeElement);
  }

  /** Show the sentences with the matches of a version. */
  async setVersion(version) {
    if (!this.video.has_words || this.version === version) return;
    this.version = version;
    const { version: number } = version;
    if (!this.loaded.has(number)) this.loaded.set(number, api.transcript(this.video.id, number));
    try {
      const transcript = await this.loaded.get(number);
      if (this.version !== version || this.closed) return;
      this.root.hidden = !transcript.sentences.length;
      this.spans = transcript.sentences.map(({ cut }) => cut);
      this.sentences.set(transcript.sentences);
      this.#asked(version.about, transcript);
      if (this.choice) this.setChoice(...this.choice);
    } catch (error) {
      this.loaded.delete(number);
      toastError(error);
    }
  }

  /** Show what is in the summary: its parts, and the spans of the person's picks. */
  setChoice(parts, keep, drop) {
    this.choice = [parts, keep, drop];
    if (!this.spans) return;
    const [inParts, inKeep, inDrop] = [parts, keep, drop].map(holds);
    this.sentences.setStates((place) => {
      const { start, end } = this.sentences.sentences[place];
      return { chosen: inParts(start, end), kept: inKeep(start, end), left: inDrop(start, end) };
    });
    this.#tools();
  }

  setTime(seconds, playing) {
    if (this.shown) this.sentences.setTime(seconds, playing);
  }

  /** Keep the selected sentences ('keep') or leave them out ('drop'); false if none is selected or has the focus. */
  pick(kind) {
    const places = this.shown ? this.sentences.places : [];
    if (!places.length) return false;
    this.on.pick(kind, places.map((place) => this.spans[place]), places.length === 1 ? 'The sentence' : plural(places.length, 'sentence'));
    return true;
  }

  /** Show whether a version is being computed. */
  asking(running) {
    part(this.root, 'ask-send').disabled = running;
    for (const button of part(this.root, 'asked').querySelectorAll('button')) button.disabled = running;
  }

  focusSearch() {
    if (this.shown) part(this.root, 'find').focus();
  }

  close() {
    this.closed = true;
  }

  /** Show what was asked for and what matches it. */
  #asked(texts, { sentences, asks }) {
    this.about = texts;
    part(this.root, 'ask').hidden = !asks;
    const list = part(this.root, 'asked');
    const had = list.contains(document.activeElement);
    list.replaceChildren(
      ...texts.map((text, place) => {
        const label = `Stop asking for ${text}`;
        const away = make('button', { className: 'icon', title: label, 'aria-label': label }, icon('close'));
        away.addEventListener('click', () => this.on.ask(texts.filter((_, other) => other !== place)));
        return make('li', { className: 'chip' }, make('span', { textContent: text }), away);
      }),
    );
    if (had) part(this.root, 'ask-text').focus();
    this.matched.set(
      sentences.flatMap(({ match }, place) => (match > 0 ? [place] : [])),
      texts.length > 0,
    );
    part(this.root, 'matched').hidden = !texts.length;
  }

  #tools() {
    const { selected } = this.sentences;
    const places = [...selected];
    part(this.root, 'words-tools').hidden = !places.length;
    if (!places.length || !this.choice) return;
    const [, keep, drop] = this.choice;
    part(this.root, 'words-say').textContent = plural(places.length, 'sentence');
    for (const [name, spans] of [
      ['words-keep', keep],
      ['words-drop', drop],
    ]) {
      const every = places.every((place) => holdMost(spans, ...this.spans[place]));
      part(this.root, name).setAttribute('aria-pressed', String(every));
    }
    part(this.root, 'words-more').setAttribute('aria-pressed', String(this.sentences.extending));
  }

  #listen() {
    const { root } = this;
    const click = (name, action) => part(root, name).addEventListener('click', action);
    click('words-keep', () => this.pick('keep'));
    click('words-drop', () => this.pick('drop'));
    click('words-clear', () => {
      const { element } = this.sentences.items[this.sentences.at];
      this.sentences.clear();
      element.focus({ preventScroll: true });
    });
    click('words-more', () => {
      this.sentences.extending = !this.sentences.extending;
      this.#tools();
    });
    click('words-files', () => this.on.download());
    const input = part(root, 'find');
    const search = later(() => this.#search(input.value), WAIT);
    input.addEventListener('input', search);
    input.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter') return;
      event.preventDefault();
      if (this.query !== input.value) this.#search(input.value);
      this.found.step(event.shiftKey ? -1 : 1);
    });
    part(root, 'ask').addEventListener('submit', (event) => {
      event.preventDefault();
      const field = part(root, 'ask-text');
      const text = field.value.trim();
      if (!text || this.about.includes(text)) return;
      this.on.ask([...this.about, text]);
      field.value = '';
    });
  }

  #search(query) {
    this.query = query;
    const words = query.trim().split(/\s+/).filter(Boolean);
    const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/['’]/g, "['’]"));
    const places = this.sentences.find(words.length ? new RegExp(escaped.join('\\s+'), 'giu') : null);
    this.found.set(places, words.length > 0);
    const near = places.find((place) => place >= this.sentences.at) ?? places[0];
    if (near !== undefined) this.sentences.reveal(near);
  }
}

/** Whether these spans hold more than half of [start, end), for questions in the order of time. */
function holds(spans) {
  const ordered = [...spans].sort(([a], [b]) => a - b);
  let first = 0; // span that does not end before what is asked for
  return (start, end) => {
    while (first < ordered.length && ordered[first][1] <= start) first += 1;
    let inside = 0;
    for (let k = first; k < ordered.length && ordered[k][0] < end; k += 1) {
      inside += Math.max(0, Math.min(ordered[k][1], end) - Math.max(ordered[k][0], start));
    }
    return inside > (end - start) / 2;
  };
}
