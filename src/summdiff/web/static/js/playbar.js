// The controls below the player.

import { captionsAddress, pictureAddress } from './api.js';
import { make, part, relabel } from './dom.js';
import { clock, coding } from './words.js';

const STILL = 0.5; // seconds between pictures of a video that the browser cannot play

export class Playbar {
  constructor(root, player, video) {
    this.root = root;
    this.player = player;
    this.film = video;
    const click = (name, action) => part(root, name).addEventListener('click', action);
    click('play', () => this.playPause());
    click('video', () => this.playPause());
    click('still', () => this.playPause());
    click('play-summary', () => this.playSummary());
    click('back', () => player.step(-1));
    click('on', () => player.step(1));
    click('mute', () => this.mute());
    click('full', () => this.full());
    click('captions', () => this.captions());
    part(root, 'speed').addEventListener('change', (event) => player.setSpeed(Number(event.target.value)));
    part(root, 'volume').addEventListener('input', (event) => {
      player.video.volume = Number(event.target.value) / 100;
      player.video.muted = player.video.volume === 0;
    });
    if (video.has_words) this.#addCaptions();
    const { media_type: type } = video;
    for (const name of ['mute', 'volume']) part(root, name).disabled = !video.has_audio || !type;
  }

  /** Show a time. */
  time(seconds) {
    part(this.root, 'time').textContent = clock(seconds, true);
    const { player } = this;
    if (player.stills) this.#still(seconds);
    if (player.summaryOnly) part(this.root, 'mode').textContent = `Summary ${clock(player.passed)} / ${clock(this.length)}`;
  }

  /** Show whether it plays; `length` is that of the summary in seconds. */
  state(length) {
    this.length = length;
    const { playing, summaryOnly, stills, video } = this.player;
    const film = playing && !summaryOnly;
    relabel(part(this.root, 'play'), film ? 'pause' : 'play', film ? 'Pause' : 'Play', 'Space');
    const summary = playing && summaryOnly;
    const button = part(this.root, 'play-summary');
    button.querySelector('use').setAttribute('href', summary ? '#i-pause' : '#i-skip');
    button.lastElementChild.textContent = summary ? 'Pause' : 'Play summary';
    button.title = summary ? 'Pause (S)' : 'Play only the summary (S)';
    part(this.root, 'mode').hidden = !summary;
    relabel(part(this.root, 'mute'), video.muted ? 'mute' : 'sound', video.muted ? 'Unmute' : 'Mute', 'M');
    part(this.root, 'volume').value = video.muted ? 0 : Math.round(video.volume * 100);
    part(this.root, 'still').hidden = !stills;
    video.hidden = stills;
    const cannot = part(this.root, 'cannot');
    cannot.hidden = !stills;
    if (stills && !cannot.textContent) {
      cannot.textContent = `This browser cannot play ${coding(this.film)}, so you see still pictures. Everything else works, and the saved video plays everywhere.`;
      for (const name of ['mute', 'volume', 'captions']) part(this.root, name).disabled = true;
      this.#still(this.player.time);
    }
  }

  playPause() {
    if (this.player.playing) this.player.pause();
    else this.player.play();
  }

  playSummary() {
    if (this.player.playing && this.player.summaryOnly) this.player.pause();
    else this.player.play({ summaryOnly: true });
  }

  /** Play on, at twice the speed if it plays already. */
  faster() {
    const { player } = this;
    if (!player.playing || player.backwards) {
      this.#speed(1);
      player.play();
    } else this.#speed(Math.min(4, player.speed * 2));
  }

  mute() {
    this.player.video.muted = !this.player.video.muted;
  }

  captions() {
    if (!this.track) return;
    const shown = this.track.track.mode !== 'showing';
    this.track.track.mode = shown ? 'showing' : 'hidden';
    part(this.root, 'captions').setAttribute('aria-pressed', String(shown));
  }

  /** Fill the screen with the player and its controls. */
  full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else part(this.root, 'stage').requestFullscreen?.();
  }

  #speed(speed) {
    const list = part(this.root, 'speed');
    list.value = String(speed);
    this.player.setSpeed(speed);
  }

  #addCaptions() {
    this.track = make('track', { kind: 'captions', label: 'Captions', src: captionsAddress(this.film.id) });
    this.player.video.append(this.track);
    this.track.track.mode = 'hidden';
    part(this.root, 'captions').hidden = false;
  }

  /** Show the picture of a time, for a video that the browser cannot play. */
  #still(seconds) {
    const at = Math.floor(seconds / STILL) * STILL;
    const address = pictureAddress(this.film.id, at, at + STILL);
    const image = part(this.root, 'still');
    if (image.getAttribute('src') !== address) image.src = address;
  }
}
