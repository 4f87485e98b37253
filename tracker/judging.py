"""How a lane asks its scene about a frame."""

from __future__ import annotations

from tracker.types import FOREGROUND, Image, Scene, Share
from tracker.types.scene import J


def judge_frame(scene: Scene[J], image: Image, *, flood: Share, frozen: bool) -> J:
    """The scene's judgement of the next frame, which it follows. A change of the light is taken in, and the frame judged again.

    flood   if more than this share of a frame is foreground it may be the light
    frozen  judge only
    """
    judgement = scene.judge(image)
    if frozen:
        return judgement
    if float((judgement.verdicts == FOREGROUND).mean()) > flood and scene.is_light(judgement):
        scene.adapt(judgement)
        judgement = scene.judge(image)
    scene.follow(judgement)
    return judgement
