// A video in the studio: connects the player, the timeline, the panel and the list of shots to one state.

import { Alternatives } from './alternatives.js';
import { api, mediaAddress } from './api.js';
import { Cutting } from './cutting.js';
import { copyOf, make, part, remember, remembered, speak, toast, toastError } from './dom.js';
import { Edits } from './edits.js';
import { Framing } from './framing.js';
import { showHint } from './hints.js';
import { Latest } from './latest.js';
import { Length } from './length.js';
import { Picks } from './picks.js';
import { Playbar } from './playbar.js';
import { Player } from './player.js';
import { Saving } from './saving.js';
import { ShotList } from './shots.js';
import { holdMost, joined, same, total, without } from './spans.js';
import { Strip } from './strip.js';
import { Timeline } from './timeline.js';
import { Wave } from './wave.js';
import { clock, shotWords } from './words.js';

const sameSpans = (one, other) => same([...one].sort(), [...other].sort());

export class Studio {
  /** Calls `onHistory(canUndo, canRedo)` after every change; `openFiles(section)` and `openHelp()` open dialogs. */
  constructor(video, { onHistory, openFiles, openHelp }) {
    this.video = video;
    this.onHistory = onHistory;
    this.openFiles = openFiles;
    this.openHelp = openHelp;
    this.page = copyOf('tpl-studio');
    this.versions = new Map(); // number -> version
    this.choice = null;
    this.details = remembered('details', 'off') === 'on';
    this.selecting = new Latest((state, began) => this.#select(state, began));
  }

  /** Load the versions and fill the page. Call once the page is in the document. */
  async start() {
    const { video, page } = this;
    const numbers = Array.from({ length: video.versions }, (_, number) => number);
    const [answer, ...versions] = await Promise.all([
      api.edits(video.id),
      ...numbers.map((number) => api.version(video.id, number)),
    ]);
    versions.forEach((version) => this.versions.set(version.version, version));
    if (this.closed) return;
    const first = versions.at(-1);
    this.edits = new Edits(video.id, answer, this.#stateOf(first), {
      onChange: (state) => this.#changed(state),
      onError: toastError,
    });
    this.choice = first.selection;
    this.player = new Player({
      video: part(page, 'video'),
      address: mediaAddress(video.id),
      duration: first.duration,
      fps: first.fps,
      times: video.player_times,
      onTime: (seconds) => this.#time(seconds),
      onState: () => this.playbar.state(this.choice.seconds),
    });
    this.#build(first);
    this.#listen();
    part(page, 'name').textContent = video.title;
    part(page, 'whole').textContent = clock(first.duration);
    part(page, 'screen').style.setProperty('--aspect', video.width / video.height);
    page.classList.toggle('details', this.details);
    part(page, 'details').checked = this.details;
    this.update(video);
    this.#changed(this.edits.present);
    this.#time(0);
    showHint(page);
    const [opening] = this.choice.parts; // the first frame of a video is often black
    if (opening) this.player.seek(opening[0]);
  }

  close() {
    this.closed = true;
    for (const component of [this.timeline, this.strip, this.alternatives, this.framing, this.player]) component?.close();
  }

  /** Show a new state of the video. */
  update(video) {
    const before = this.video;
    this.video = video;
    if (!this.picks) return;
    this.picks.suggesting(video.new_version);
    this.saving.update(video);
    const failed = video.new_version?.state === 'failed' && before.new_version?.state !== 'failed';
    if (failed) toast(video.new_version.error, 'error');
    if (video.versions > this.versions.size && !this.loading) {
      this.loading = true;
      this.#loadVersions().finally(() => (this.loading = false));
    }
  }

  redraw() {
    this.timeline?.draw();
  }

  #build(first) {
    const { video, page } = this;
    const draw = () => this.timeline.draw();
    this.strip = new Strip(video.id, first.duration, video.width / video.height, draw);
    this.wave = new Wave(video.id, video.has_audio, () => {
      part(page, 'l-speech').hidden = !this.wave.speech.length;
      draw();
    });
    part(page, 'l-speech').hidden = true;
    const seek = (seconds) => this.player.seek(seconds);
    this.timeline = new Timeline(page, video.id, {
      strip: this.strip,
      wave: this.wave,
      on: { seek, shown: () => this.cutting?.draw() },
    });
    this.cutting = new Cutting(page, this.timeline, this.wave, {
      seek,
      drag: (parts) => this.edits.drag({ parts }),
      settle: () => this.edits.settle(),
      change: (parts) => this.edits.change({ parts }),
    });
    this.shots = new ShotList(page, video.id, {
      seek,
      keep: (shot) => this.#pick('keep', shot),
      leaveOut: (shot) => this.#pick('drop', shot),
    });
    this.length = new Length(page, first.duration, {
      drag: (budget) => this.edits.drag({ budget, parts: null }),
      settle: () => this.edits.settle(),
      budget: (budget) => this.edits.change({ budget, parts: null }),
    });
    this.picks = new Picks(page, {
      seek,
      release: ([start, end]) =>
        this.edits.change({
          keep: without(this.edits.present.keep, start, end),
          drop: without(this.edits.present.drop, start, end),
        }),
      suggest: () => this.suggest(),
      cancelSuggesting: () => this.#tell(api.cancel(this.video.new_version.id)),
      useVersion: (version) => this.edits.change({ version, parts: null }),
    });
    this.alternatives = new Alternatives(page, video.id, (place) => this.#useAlternative(place));
    this.framing = new Framing(page, video, {
      change: (changes) => this.edits.change(changes),
      drag: (changes) => this.edits.drag(changes),
      settle: () => this.edits.settle(),
    });
    this.saving = new Saving(page, video, () => this.edits.present);
    this.saving.onEnd = () => this.#expect();
    this.playbar = new Playbar(page, this.player, video);
  }

  // Versions ------------------------------------------------------------------------------------------------------------

  get version() {
    return this.versions.get(this.edits.present.version) ?? this.versions.get(0);
  }

  async #loadVersions() {
    for (let number = this.versions.size; number < this.video.versions; number += 1) {
      const version = await api.version(this.video.id, number).catch(() => null);
      if (!version || this.closed) return;
      this.versions.set(number, version);
      if (this.asked) {
        this.asked = false;
        this.edits.change({ version: number, alternative: null, parts: null });
        speak(`Version ${number + 1} is ready.`);
      } else this.#changed(this.edits.present); // asked for in another tab
    }
  }

  suggest() {
    if (['waiting', 'running'].includes(this.video.new_version?.state)) return;
    const { budget, keep, drop } = this.edits.present;
    this.asked = true;
    this.#tell(api.addVersion(this.video.id, { budget, keep, drop }));
  }

  #stateOf({ version, budget, keep, drop }) {
    const written = { quality: 'normal', frame: 'film', crop: [0.5, 0.5], captions: false };
    return { version, budget, keep, drop, alternative: null, parts: null, ...written };
  }

  // Decisions -----------------------------------------------------------------------------------------------------------

  #changed(state) {
    const { version } = this;
    if (this.timeline.version !== version) {
      this.timeline.setVersion(version);
      this.shots.setVersion(version);
      part(this.page, 'warnings').replaceChildren(...version.warnings.map((text) => make('li', { textContent: text })));
    }
    this.onHistory(this.edits.canUndo, this.edits.canRedo);
    if (state.parts) {
      const seconds = total(state.parts);
      this.#choose({ parts: state.parts, seconds, allowed: seconds, size: null }, state);
      this.selecting.ask(state, performance.now()); // for the size
    } else {
      this.#choose(this.choice, state); // picks are shown at once, the selection follows
      this.selecting.ask(state, performance.now());
    }
  }

  async #select(state, began) {
    try {
      // While the length is dragged, a quicker choice follows; the final one replaces it.
      const choice = await api.select(this.video.id, state, this.edits.held && state === this.edits.present);
      if (this.closed || Boolean(this.edits.present.parts) !== Boolean(state.parts)) return;
      if (state.parts) {
        if (same(state.parts, this.edits.present.parts)) Object.assign(this.choice, { size: choice.size });
        if (!this.saving.job) this.#expect();
        return;
      }
      this.length.problem('');
      this.#choose(choice, this.edits.present, state);
      this.timeline.drawNow();
      performance.measure('summdiff-selection', { start: began, end: performance.now() });
    } catch (error) {
      if (error.status === 422) this.length.problem(error.message);
      else toastError(error);
    }
  }

  /** Show a choice; `chosenFor` is the state that it was made for, if that is known. */
  #choose(choice, state, chosenFor = null) {
    this.choice = choice;
    const { parts } = choice;
    const drawn = [choice, state.keep, state.drop, this.details, this.version];
    if (!this.drawn?.every((each, place) => each === drawn[place])) {
      this.drawn = drawn;
      this.timeline.setChoice(parts, state.keep, state.drop, this.details);
      this.shots.setChoice(parts, state.keep, state.drop, this.details);
      this.player.setParts(parts);
      this.cutting.setParts(parts);
    }
    this.length.update(state, choice);
    this.framing.update(state);
    if (!this.saving.job) this.#expect();
    const versions = [...this.versions.values()].map(({ version, keep, drop }) => ({
      number: version,
      picks: keep.length + drop.length,
    }));
    this.picks.update(state, versions, this.#suggested(state));
    const first = chosenFor && chosenFor.alternative === null && same(chosenFor, state) ? parts : null;
    this.alternatives.update(state, this.version.duration, first, this.details);
    this.#here();
  }

  #expect() {
    this.saving.expect(this.choice, this.version.duration, this.framing.size(this.edits.present));
  }

  /** Whether the version was made for exactly these picks. */
  #suggested({ keep, drop }) {
    return sameSpans(this.version.keep, keep) && sameSpans(this.version.drop, drop);
  }

  /** Keep a shot or leave it out; again undoes that. Parts that were cut by hand follow. */
  #pick(kind, place) {
    const { start, end } = this.version.shots[place];
    const state = this.edits.present;
    const had = holdMost(state[kind], start, end);
    const next = { keep: without(state.keep, start, end), drop: without(state.drop, start, end) };
    if (!had) next[kind] = [...next[kind], [start, end]].sort(([a], [b]) => a - b);
    if (state.parts && !had) {
      const parts = kind === 'keep' ? joined(state.parts, start, end) : without(state.parts, start, end);
      if (parts.length) next.parts = parts;
    }
    if (next.drop.length && total(next.drop) >= this.version.duration - 0.5) {
      toast('Everything would be left out. Keep at least one shot.', 'error');
      return;
    }
    this.edits.change(next);
    speak(`Shot ${place + 1} ${had ? 'is free again' : kind === 'keep' ? 'is kept' : 'is left out'}.`);
  }

  #useAlternative(alternative) {
    if (alternative !== null && !this.alternatives.has(alternative)) return;
    this.edits.change({ alternative, parts: null });
    speak(`Choice ${String.fromCharCode(65 + (alternative === null ? 0 : alternative + 1))}.`);
  }

  #tell(promise) {
    return promise.catch(toastError);
  }

  // The playhead --------------------------------------------------------------------------------------------------------

  #time(seconds) {
    this.timeline.setTime(seconds);
    const place = this.timeline.shotAt(seconds);
    this.shots.setCurrent(place);
    if (place !== this.place) {
      this.place = place;
      this.#here();
    }
    this.playbar.time(seconds);
  }

  #here() {
    if (this.place === undefined || !this.version.shots[this.place]) return;
    const shot = this.version.shots[this.place];
    const { keep, drop } = this.edits.present;
    const words = shotWords(shot, this.place, { parts: this.choice.parts, keep, drop });
    part(this.page, 'here').textContent = words[0].toUpperCase() + words.slice(1);
    for (const [name, spans] of [
      ['keep', keep],
      ['leave-out', drop],
    ]) {
      part(this.page, name).setAttribute('aria-pressed', String(holdMost(spans, shot.start, shot.end)));
    }
  }

  #listen() {
    const click = (name, action) => part(this.page, name).addEventListener('click', action);
    click('keep', () => this.#pick('keep', this.place));
    click('leave-out', () => this.#pick('drop', this.place));
    click('zoom-in', () => this.timeline.zoom(1.6));
    click('zoom-out', () => this.timeline.zoom(1 / 1.6));
    click('zoom-fit', () => this.timeline.fit());
    click('share', () => this.openFiles('share'));
    click('editor', () => this.openFiles('editor'));
    click('formats', () => this.openFiles('more'));
    part(this.page, 'details').addEventListener('change', (event) => {
      this.details = event.target.checked;
      remember('details', this.details ? 'on' : 'off');
      this.page.classList.toggle('details', this.details);
      this.#choose(this.choice, this.edits.present);
    });
  }

  /** Actions of the keyboard; null while the video is loading. */
  get actions() {
    if (!this.playbar) return null;
    const { player, playbar, timeline, cutting } = this;
    return {
      playPause: () => playbar.playPause(),
      playSummary: () => playbar.playSummary(),
      pause: () => player.pause(),
      faster: () => playbar.faster(),
      backwards: () => player.playBackwards(),
      seek: (seconds) => player.seek(seconds),
      step: (seconds) => player.seek(player.time + seconds),
      frame: (count) => player.step(count),
      shot: (by) => {
        const place = Math.min(Math.max(timeline.shotAt(player.time) + by, 0), this.version.shots.length - 1);
        player.seek(this.version.shots[place].start);
      },
      keep: () => this.#pick('keep', this.place),
      leaveOut: () => this.#pick('drop', this.place),
      startHere: () => cutting.mark(0),
      endHere: () => cutting.mark(1),
      split: () => cutting.split(),
      removePart: () => cutting.remove(),
      suggest: () => this.suggest(),
      alternative: (place) => this.#useAlternative(place === 0 ? null : place - 1),
      fit: () => timeline.fit(),
      zoom: (factor) => timeline.zoom(factor),
      focusLength: () => this.length.focus(),
      undo: () => this.edits.undo(),
      redo: () => this.edits.redo(),
      mute: () => playbar.mute(),
      captions: () => playbar.captions(),
      full: () => playbar.full(),
      files: () => this.openFiles('more'),
      help: () => this.openHelp(),
    };
  }
}
