"""Small dark animals on a pale ground are found by the settings as they come, and the reasons are told."""

import json

import numpy as np
from clips import write_video
from commands import call


def test_three_dark_specks_are_three_identities_and_the_choices_are_told(tmp_path):
    rng, pictures = np.random.default_rng(0), []
    for t in range(40):
        picture = np.full((240, 320, 3), 150, np.uint8) + rng.integers(0, 4, (240, 320, 1), dtype=np.uint8)
        for n in range(3):
            picture[40 + 60 * n : 45 + 60 * n, 20 + 2 * t : 26 + 2 * t] = 85
        pictures.append(picture)
    clip = write_video(tmp_path / "specks.mp4", pictures, options={"crf": "8"})
    done = call("process", clip, "--lanes", "slots,gmm", "--no-video", "-v", "-o", tmp_path / "o.mp4")
    assert done.exit_code == 0, done.output
    summary = json.loads((tmp_path / "o.summary.json").read_text())
    assert {name: lane["identities"] for name, lane in summary["lanes"].items()} == {"slots": 3, "gmm": 3}
    chosen = {each["name"]: each for each in summary["chosen"]}
    assert chosen["gmm.mixture.shadows"]["value"] is False
    assert summary["settings"]["gmm"]["mixture"]["shadows"] == "auto"
    assert f"slots.life.min_area {chosen['slots.life.min_area']['value']:.4f}" in done.stderr
    assert "only darker than the ground" in done.stderr
