"""The sound of a video: how loud it is, and where somebody speaks.

- `listen` gives the `Sound` of a film, `listening` while its pictures are decoded
- `speech_samples` gives the samples of stretches of it
- `move_to_pauses` makes places to cut of the pauses in speech
- `importance_of_sound` scores moments by it alone
- `voice_activity_graph` checks the weights of the detector, Silero VAD
"""

from summdiff.audio._listening import listen, listening
from summdiff.audio._samples import speech_samples
from summdiff.audio._silero import voice_activity_graph
from summdiff.audio.importance import importance_of_sound
from summdiff.audio.pauses import move_to_pauses
from summdiff.audio.sound import LEVEL_SECONDS, Sound

__all__ = [
    "LEVEL_SECONDS",
    "Sound",
    "importance_of_sound",
    "listen",
    "listening",
    "move_to_pauses",
    "speech_samples",
    "voice_activity_graph",
]
