// Formatting of numbers and names.

/** Seconds as m:ss or h:mm:ss, with tenths if `tenths`. */
export function clock(seconds, tenths = false) {
  const whole = tenths ? Math.floor(seconds + 1e-6) : Math.round(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = String(whole % 60).padStart(2, '0');
  const tail = tenths ? `.${Math.floor((seconds + 1e-6 - whole) * 10)}` : '';
  return hours ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}${tail}` : `${minutes}:${rest}${tail}`;
}

/** Seconds in words, for screen readers. */
export function spokenTime(seconds) {
  const whole = Math.round(seconds);
  const parts = [
    [Math.floor(whole / 3600), 'hour'],
    [Math.floor(whole / 60) % 60, 'minute'],
    [whole % 60, 'second'],
  ].filter(([count], place) => count || (place === 2 && whole < 60));
  return parts.map(([count, word]) => `${count} ${word}${count === 1 ? '' : 's'}`).join(' ');
}

/** Parse "90", "1:30" or "1:02:03" to seconds; NaN for other texts. */
export function secondsOf(text) {
  const fields = text.trim().split(':');
  if (fields.length > 3 || fields.some((field) => !/^\d+(\.\d+)?$/.test(field.trim()))) return NaN;
  return fields.reduce((sum, field) => sum * 60 + Number(field), 0);
}

/** A share as a percentage. */
export function percent(share) {
  const value = 100 * share;
  return `${value < 10 ? value.toFixed(1).replace(/\.0$/, '') : Math.round(value)}%`;
}

/** A number of bytes in MB or GB. */
export function bytes(size) {
  return size >= 1e9 ? `${+(size / 1e9).toPrecision(3)} GB` : `${+(size / 1e6).toPrecision(3)} MB`;
}

export function plural(count, word) {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

const CODECS = {
  h264: 'H.264',
  hevc: 'HEVC (H.265)',
  av1: 'AV1',
  vp8: 'VP8',
  vp9: 'VP9',
  mpeg4: 'MPEG-4',
  mpeg2video: 'MPEG-2',
  mpeg1video: 'MPEG-1',
  prores: 'ProRes',
  dnxhd: 'DNxHD',
  mjpeg: 'Motion JPEG',
  theora: 'Theora',
  wmv3: 'WMV',
  ffv1: 'FFV1',
};
const CONTAINERS = {
  'mov,mp4,m4a,3gp,3g2,mj2': 'MP4',
  'matroska,webm': 'Matroska',
  avi: 'AVI',
  mpegts: 'MPEG-TS',
  mpeg: 'MPEG',
  ogg: 'Ogg',
  flv: 'Flash Video',
  asf: 'Windows Media',
  mxf: 'MXF',
};

/** Codec and container of a video: "HEVC (H.265) in Matroska". */
export function coding(video) {
  const container = video.media_type === 'video/webm' ? 'WebM' : CONTAINERS[video.container] || video.container;
  return `${CODECS[video.codec] || video.codec || 'unknown'} in ${container}`;
}

/** Names of the stages of a job. */
export const STAGES = {
  load: 'Getting ready',
  filmstrip: 'Cutting the film strip',
  look: 'Looking at every second',
  score: 'Sampling what matters',
  write: 'Writing',
};

/** Use and description of each export format. Other formats are listed by name. */
export const FORMATS = {
  mp4: ['Watch', 'Video with sound'],
  html: ['Watch', 'Report to open in a browser'],
  gif: ['Watch', 'Small moving preview'],
  webp: ['Watch', 'Small moving preview, finer'],
  sheet: ['Watch', 'Contact sheet of the shots'],
  png: ['Watch', 'Picture of the curve'],
  svg: ['Watch', 'Picture of the curve, scalable'],
  vtt: ['Watch', 'Chapters and subtitles for the web'],
  srt: ['Watch', 'Subtitles for players'],
  otio: ['Edit', 'OpenTimelineIO'],
  edl: ['Edit', 'EDL (CMX 3600)'],
  fcpxml: ['Edit', 'Final Cut Pro, DaVinci Resolve'],
  fcp7xml: ['Edit', 'Premiere, Resolve, Kdenlive'],
  ffmetadata: ['Edit', 'Chapters for FFmpeg'],
  txt: ['Edit', 'Lists for FFmpeg and yt-dlp'],
  json: ['Data', 'Scores, shots and settings'],
  csv: ['Data', 'Scores and shots as tables'],
};

/** Seconds of a shot that are in these parts. */
export const secondsOfShot = (shot, parts) =>
  parts.reduce((sum, [start, end]) => sum + Math.max(0, Math.min(end, shot.end) - Math.max(start, shot.start)), 0);

/** Whether a shot is in the summary: "in the summary", "3.2 s of it in the summary", or `none`. */
export function shareOfShot(shot, parts, none) {
  const seconds = secondsOfShot(shot, parts);
  if (seconds < 0.01) return none;
  return shot.end - shot.start - seconds < 0.05 ? 'in the summary' : `${seconds.toFixed(1)} s of it in the summary`;
}
