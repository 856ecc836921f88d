"use strict";
(() => {
  const video = document.querySelector("video");
  const buttons = document.querySelectorAll("button[data-at]");
  const fail = () => {
    video.hidden = true;
    document.getElementById("missing").hidden = false;
    for (const button of buttons) button.disabled = true;
  };
  video.addEventListener("error", fail);
  if (video.error) fail();
  for (const button of buttons) {
    button.addEventListener("click", () => {
      video.currentTime = Number(button.dataset.at);
      video.play().catch(() => {});
      video.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth", block: "center" });
    });
  }
  const cues = JSON.parse(document.getElementById("cues").textContent);
  if (cues.length) {
    const track = video.addTextTrack("subtitles", "Subtitles");
    for (const cue of cues) track.addCue(new VTTCue(cue.start, cue.end, cue.text.replace(/&/g, "&amp;").replace(/</g, "&lt;")));
    track.mode = "showing";
  }
})();
