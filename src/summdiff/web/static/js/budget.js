// The scale of the length slider: logarithmic, so that short lengths can be set as finely as long ones.

const STEPS = 1000;

/** The smallest share of a video that can be set: one second, at least 0.5%. */
export function leastShare(duration) {
  return Math.min(0.5, Math.max(0.005, 1 / duration));
}

export function shareAt(place, duration) {
  const least = leastShare(duration);
  return Math.min(1, least * (1 / least) ** (place / STEPS));
}

export function placeOf(share, duration) {
  const least = leastShare(duration);
  return Math.round((STEPS * Math.log(Math.max(share, least) / least)) / Math.log(1 / least));
}
