// The sentences of a transcript as running text: a list of options, one tab stop, of which several can be selected.
// Paragraphs that are not in view are not laid out (`words.css`), so that hours of talk cost little.

import { icon, make } from './dom.js';
import { clock } from './words.js';

const PARAGRAPH_PAUSE = 1.5; // seconds
const PARAGRAPH_LETTERS = 420;
const LINE_LETTERS = 40; // roughly; the browser corrects it for each paragraph once that is in view
const LINE_HEIGHT = 24;
const PAGE = 10; // sentences
const EDGE = 24; // pixels from the list's edges in which it scrolls while sentences are selected
const TAP = 8; // pixels that a finger may move
const REST = 4000; // milliseconds for which the list does not follow the playhead after it was scrolled by hand

export class Sentences {
  /** `on` has seek(seconds) and selected(), after the selection has changed. */
  constructor(list, on) {
    this.list = list;
    this.on = on;
    this.items = []; // {element, text, said, icon, state}
    this.sentences = [];
    this.selected = new Set(); // places
    this.at = 0; // place of the tab stop
    this.anchor = 0; // where the selection began
    this.current = -1; // place of what is spoken at the playhead
    this.extending = false; // whether a tap extends the selection
    this.scrolled = -Infinity; // when, by hand
    this.#listen();
  }

  /** Show these sentences, {start, end, text, match}; what is shown already stays. */
  set(sentences) {
    const key = JSON.stringify(sentences.map(({ start, text }) => [start, text]));
    this.sentences = sentences;
    if (this.key === key) return;
    this.key = key;
    this.selected.clear();
    this.at = this.anchor = 0;
    this.current = -1;
    this.items = sentences.map((sentence, place) => this.#item(sentence, place));
    this.list.replaceChildren(...this.#paragraphs());
    this.#enter(0);
  }

  /** Show which sentences are in the summary: `held(place)` returns {chosen, kept, left}. */
  setStates(held) {
    this.items.forEach((item, place) => {
      const { chosen, kept, left } = held(place);
      const match = this.sentences[place].match > 0;
      const state = `${chosen}${kept}${left}${match}`;
      if (item.state === state) return;
      item.state = state;
      const { classList } = item.element;
      classList.toggle('chosen', chosen);
      classList.toggle('kept', kept);
      classList.toggle('left-out', left);
      classList.toggle('match', match);
      const words = [chosen && 'in the summary', kept && 'kept', left && 'left out', match && 'matches'];
      item.said.textContent = words.flatMap((text) => (text ? [`, ${text}`] : [])).join('');
      item.icon?.remove();
      item.icon = kept || left ? icon(kept ? 'keep' : 'drop') : null;
      if (item.icon) item.element.prepend(item.icon);
    });
  }

  /** Mark every place of a pattern, or none; returns the places of sentences that have it. */
  find(pattern) {
    return this.items.flatMap((item, place) => {
      const { text } = this.sentences[place];
      const hits = pattern ? [...text.matchAll(pattern)] : [];
      if (hits.length || item.marked) {
        let from = 0;
        const pieces = hits.flatMap((hit) => {
          const before = text.slice(from, hit.index);
          from = hit.index + hit[0].length;
          return [before, make('mark', { textContent: hit[0] })];
        });
        item.text.replaceChildren(...pieces, text.slice(from));
        item.marked = hits.length > 0;
      }
      return hits.length ? [place] : [];
    });
  }

  /** Mark the sentence that is spoken at a time; the list follows it while `following`. */
  setTime(seconds, following) {
    const place = this.#spokenAt(seconds);
    if (place === this.current) return;
    this.#setCurrent(this.current, false);
    this.current = place;
    this.#setCurrent(place, true);
    if (place < 0) return;
    if (!this.focused && !this.selected.size) this.#enter(place);
    if (following && performance.now() - this.scrolled > REST) this.reveal(place);
  }

  get focused() {
    return this.list.contains(document.activeElement);
  }

  /** Places of the selected sentences, else of the one that has the focus, in order. */
  get places() {
    if (this.selected.size) return [...this.selected].sort((a, b) => a - b);
    return this.focused ? [this.at] : [];
  }

  /** Select a sentence and go there. */
  go(place) {
    this.select(place, place);
    this.reveal(place);
    this.on.seek(this.sentences[place].start);
  }

  /** Select the sentences from one to another. */
  select(from, to) {
    const [first, last] = from < to ? [from, to] : [to, from];
    const places = Array.from({ length: last - first + 1 }, (_, k) => first + k);
    this.anchor = from;
    this.#setSelected(new Set(places), to);
  }

  clear() {
    this.extending = false;
    this.#setSelected(new Set(), this.at);
  }

  /** Scroll the list, and nothing else, until a sentence is in view. */
  reveal(place) {
    const { list } = this;
    const shown = () => {
      const [box, own] = [list, this.items[place].element].map((element) => element.getBoundingClientRect());
      if (own.top >= box.top && own.bottom <= box.bottom) return;
      list.scrollTop += own.top - box.top - Math.max(0, box.height - own.height) / 3;
    };
    shown();
    requestAnimationFrame(() => this.items[place] && shown()); // once the paragraphs in view are laid out
  }

  #item(sentence, place) {
    const text = make('span', { textContent: sentence.text });
    const said = make('i', { className: 'sr' });
    const element = make('span', { className: 'sentence', role: 'option', tabIndex: -1, 'aria-selected': 'false' }, text, said);
    element.dataset.place = place;
    return { element, text, said, icon: null, state: '' };
  }

  #paragraphs() {
    const paragraphs = [];
    let letters = Infinity;
    this.sentences.forEach(({ start, text }, place) => {
      const pause = place ? start - this.sentences[place - 1].end : Infinity;
      if (pause > PARAGRAPH_PAUSE || letters > PARAGRAPH_LETTERS) {
        const time = make('span', { className: 'paragraph-time', 'aria-hidden': 'true', textContent: clock(start) });
        paragraphs.push(make('div', { className: 'paragraph', role: 'group', 'aria-label': clock(start) }, time));
        letters = 0;
      }
      letters += text.length;
      const lines = Math.ceil(letters / LINE_LETTERS) + 1;
      paragraphs.at(-1).append(this.items[place].element, ' ');
      paragraphs.at(-1).style.containIntrinsicSize = `auto none auto ${lines * LINE_HEIGHT}px`;
    });
    return paragraphs;
  }

  /** The sentence at a time, or -1 in a pause. */
  #spokenAt(seconds) {
    let [low, high] = [-1, this.sentences.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.sentences[middle].start <= seconds + 1e-3) low = middle;
      else high = middle - 1;
    }
    return low >= 0 && seconds < this.sentences[low].end ? low : -1;
  }

  #setCurrent(place, on) {
    const element = this.items[place]?.element;
    element?.classList.toggle('current', on);
    if (on) element?.setAttribute('aria-current', 'true');
    else element?.removeAttribute('aria-current');
  }

  #setSelected(places, at) {
    for (const place of this.selected) {
      if (!places.has(place)) this.items[place].element.setAttribute('aria-selected', 'false');
    }
    for (const place of places) this.items[place].element.setAttribute('aria-selected', 'true');
    this.selected = places;
    this.#enter(at);
    this.on.selected();
  }

  /** Make a sentence the tab stop. */
  #enter(place) {
    if (!this.items.length) return;
    if (this.items[this.at]) this.items[this.at].element.tabIndex = -1;
    this.at = place;
    this.items[place].element.tabIndex = 0;
  }

  #placeOf(target) {
    const element = target?.closest?.('.sentence') ?? target?.closest?.('.paragraph')?.querySelector('.sentence');
    return element && this.list.contains(element) ? Number(element.dataset.place) : -1;
  }

  #toggle(place) {
    const places = new Set(this.selected);
    if (!places.delete(place)) places.add(place);
    this.anchor = place;
    this.#setSelected(places, place);
  }

  #listen() {
    const { list } = this;
    let held = null; // {x, y, place, moved, touch}
    const extend = (x, y) => {
      const place = this.#placeOf(document.elementFromPoint(x, y));
      if (place < 0 || (place === held.place && !held.moved)) return;
      held.moved = true;
      this.select(this.anchor, place);
    };
    const scroll = () => {
      if (!held || held.touch) return;
      const box = list.getBoundingClientRect();
      const past = held.at < box.top + EDGE ? held.at - box.top - EDGE : Math.max(0, held.at - box.bottom + EDGE);
      list.scrollTop += past / 4;
      if (past) extend(held.x, Math.min(Math.max(held.at, box.top + 4), box.bottom - 4));
      requestAnimationFrame(scroll);
    };
    list.addEventListener('pointerdown', (event) => {
      const place = this.#placeOf(event.target);
      if (place < 0 || event.button !== 0) return;
      const touch = event.pointerType === 'touch';
      held = { x: event.clientX, y: event.clientY, at: event.clientY, place, moved: false, touch };
      if (touch) return; // it may become scrolling
      event.preventDefault();
      this.items[place].element.focus({ preventScroll: true });
      list.setPointerCapture(event.pointerId);
      held.seeks = !event.shiftKey && !event.ctrlKey && !event.metaKey;
      if (event.shiftKey) this.select(this.anchor, place);
      else if (!held.seeks) this.#toggle(place);
      else this.select(place, place);
      requestAnimationFrame(scroll);
    });
    list.addEventListener('pointermove', (event) => {
      if (!held || held.touch) return;
      [held.x, held.at] = [event.clientX, event.clientY];
      extend(event.clientX, event.clientY);
    });
    list.addEventListener('pointerup', (event) => {
      const { place, moved, touch, seeks, x, y } = held ?? {};
      held = null;
      if (place === undefined) return;
      if (touch) {
        if (Math.hypot(event.clientX - x, event.clientY - y) > TAP) return;
        if (this.extending) this.select(this.anchor, place);
        else this.go(place);
      } else if (seeks && !moved) {
        const [box, own] = [list, this.items[place].element].map((element) => element.getBoundingClientRect());
        list.scrollTop += Math.max(0, own.bottom - box.bottom + 4); // the buttons below may have come over it
        this.on.seek(this.sentences[place].start);
      }
    });
    list.addEventListener('pointercancel', () => (held = null));
    list.addEventListener('click', (event) => {
      if (event.detail === 0 && this.#placeOf(event.target) >= 0) this.go(this.#placeOf(event.target)); // without a pointer
    });
    list.addEventListener('keydown', (event) => this.#key(event));
    list.addEventListener('copy', (event) => {
      event.clipboardData.setData('text/plain', this.places.map((place) => this.sentences[place].text).join(' '));
      event.preventDefault();
    });
    for (const name of ['wheel', 'touchmove', 'pointerdown', 'keydown']) {
      list.addEventListener(name, () => (this.scrolled = performance.now()), { passive: true });
    }
  }

  #key(event) {
    const last = this.items.length - 1;
    const command = event.ctrlKey || event.metaKey;
    if (command && event.key.toLowerCase() === 'a') this.select(0, last);
    else if (event.altKey || command) return;
    else if (event.key === 'Escape' && this.selected.size) this.clear();
    else if (event.key === 'Enter') this.go(this.at);
    else {
      const by = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE, PageUp: -PAGE, Home: -Infinity, End: Infinity }[event.key];
      if (!by) return;
      const to = Math.min(Math.max(this.at + by, 0), last);
      if (event.shiftKey) {
        const from = this.selected.size ? this.anchor : this.at;
        this.select(from, to);
        this.reveal(to);
      } else this.go(to);
      this.items[to].element.focus({ preventScroll: true });
    }
    event.preventDefault();
    event.stopPropagation();
  }
}
