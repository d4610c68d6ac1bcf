from pathlib import Path

import av

from reelkeep.cli.demo_clip import RATE, make_clip


def test_the_demos_clip_has_every_frame_and_sound(tmp_path: Path) -> None:
    with av.open(str(make_clip(tmp_path / "clip.mp4", seconds=2))) as clip:
        assert sum(1 for _ in clip.decode(video=0)) == 2 * RATE
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        assert sum(frame.samples for frame in clip.decode(audio=0)) >= 2 * 48_000
