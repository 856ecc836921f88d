// A video in the studio: connects the player, the timeline, the transcript, the panel and the list of shots to one state.

import { Alternatives } from './alternatives.js';
import { api, mediaAddress } from './api.js';
import { Cutting } from './cutting.js';
import { copyOf, make, part, remember, remembered, speak, toast, toastError } from './dom.js';
import { Edits } from './edits.js';
import { Framing } from './framing.js';
import { Here } from './here.js';
import { showHint } from './hints.js';
import { Latest } from './latest.js';
import { Length } from './length.js';
import { Picks } from './picks.js';
import { Playbar } from './playbar.js';
import { Player } from './player.js';
import { Saving } from './saving.js';
import { ShotList } from './shots.js';
import { picked, same, total, without } from './spans.js';
import { Strip } from './strip.js';
import { Timeline } from './timeline.js';
import { Transcript } from './transcript.js';
import { Versions } from './versions.js';
import { Wave } from './wave.js';
import { clock } from './words.js';

const sameSpans = (one, other) => same([...one].sort(), [...other].sort());

export class Studio {
  /** Calls `onHistory(canUndo, canRedo)` after every change; `openFiles(section)` and `openHelp()` open dialogs. */
  constructor(video, { onHistory, openFiles, openHelp }) {
    this.video = video;
    this.onHistory = onHistory;
    this.openFiles = openFiles;
    this.openHelp = openHelp;
    this.page = copyOf('tpl-studio');
    this.versions = new Versions(video.id, (version, own) => this.#added(version, own));
    this.choice = null;
    this.details = remembered('details', 'off') === 'on';
    this.selecting = new Latest((state, began) => this.#select(state, began));
  }

  /** Load the versions and fill the page. Call once the page is in the document. */
  async start() {
    const { video, page } = this;
    const [answer] = await Promise.all([api.edits(video.id), this.versions.load(video.versions)]);
    if (this.closed) return;
    const first = this.versions.latest;
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
    const { timeline, strip, alternatives, framing, player, transcript, versions } = this;
    for (const component of [timeline, strip, alternatives, framing, player, transcript, versions]) component?.close();
  }

  /** Show a new state of the video. */
  update(video) {
    const before = this.video;
    this.video = video;
    if (!this.picks) return;
    this.picks.suggesting(video.new_version);
    this.transcript.asking(this.#computing);
    this.saving.update(video);
    const failed = video.new_version?.state === 'failed' && before.new_version?.state !== 'failed';
    if (failed) toast(video.new_version.error, 'error');
    this.versions.update(video.versions);
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
      keep: (shot) => this.#pickShot('keep', shot),
      leaveOut: (shot) => this.#pickShot('drop', shot),
    });
    this.here = new Here(page, (kind) => this.#pickShot(kind, this.place));
    this.transcript = new Transcript(page, video, {
      seek,
      pick: (kind, spans, words) => this.#pick(kind, spans, words),
      ask: (about) => this.suggest(about),
      download: () => this.openFiles('words'),
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
    this.alternatives = new Alternatives(page, video.id, (place) => this.useAlternative(place));
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
    return this.versions.get(this.edits.present.version);
  }

  get #computing() {
    return ['waiting', 'running'].includes(this.video.new_version?.state);
  }

  #added({ version: number }, own) {
    if (own) {
      this.edits.change({ version: number, alternative: null, parts: null });
      speak(`Version ${number + 1} is ready.`);
    } else this.#changed(this.edits.present); // asked for in another tab
  }

  /** Let the model suggest again for the picks and what the summary is to be about. */
  suggest(about = this.version.about) {
    if (this.#computing) return;
    const { budget, keep, drop } = this.edits.present;
    this.versions.ask({ budget, keep, drop, about });
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
      this.transcript.setVersion(version);
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
      this.transcript.setChoice(parts, state.keep, state.drop);
      this.player.setParts(parts);
      this.cutting.setParts(parts);
    }
    this.length.update(state, choice);
    this.framing.update(state);
    if (!this.saving.job) this.#expect();
    this.picks.update(state, this.versions.all, this.#suggested(state));
    const first = chosenFor && chosenFor.alternative === null && same(chosenFor, state) ? parts : null;
    this.alternatives.update(state, this.version.duration, first, this.details);
    this.#showHere();
  }

  #expect() {
    this.saving.expect(this.choice, this.version.duration, this.framing.size(this.edits.present));
  }

  /** Whether the version was made for exactly these picks. */
  #suggested({ keep, drop }) {
    return sameSpans(this.version.keep, keep) && sameSpans(this.version.drop, drop);
  }

  /** Keep spans of the video or leave them out; again undoes that. `words` name them. */
  #pick(kind, spans, words) {
    const { had, changes } = picked(this.edits.present, kind, spans);
    if (changes.drop.length && total(changes.drop) >= this.version.duration - 0.5) {
      toast('Everything would be left out. Keep something.', 'error');
      return;
    }
    this.edits.change(changes);
    speak(`${words}: ${had ? 'free again' : kind === 'keep' ? 'kept' : 'left out'}.`);
  }

  #pickShot(kind, place) {
    const { start, end } = this.version.shots[place];
    this.#pick(kind, [[start, end]], `Shot ${place + 1}`);
  }

  /** Keep or leave out the selected sentences, else the shot at the playhead. */
  pickHere(kind) {
    if (!this.transcript.focused || !this.transcript.pick(kind)) this.#pickShot(kind, this.place);
  }

  useAlternative(alternative) {
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
      this.#showHere();
    }
    this.transcript.setTime(seconds, this.player.playing);
    this.playbar.time(seconds);
  }

  #showHere() {
    const shot = this.version.shots[this.place];
    const { keep, drop } = this.edits.present;
    if (shot) this.here.show(shot, this.place, { parts: this.choice.parts, keep, drop });
  }

  #listen() {
    const click = (name, action) => part(this.page, name).addEventListener('click', action);
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
}
