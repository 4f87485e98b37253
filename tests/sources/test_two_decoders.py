"""Several decoders in one process, as when clips run together: each picture keeps the number of its own packet."""

from contextlib import closing

from clips import draw, write_video

from tracker.sources.decode import Decoder, packet_of


def test_pictures_keep_their_packets_while_another_decoder_reads(tmp_path):
    clip = str(write_video(tmp_path / "clip.mp4", draw(40)))
    with closing(Decoder(clip, timeout_s=10)) as one, closing(Decoder(clip, timeout_s=10)) as other:
        waiting = one.pictures()
        packets = [packet_of(next(waiting))]
        others = [
            packet_of(picture) for picture in other.pictures()
        ]  # lets go of its packets while the first one's wait
        packets += [packet_of(picture) for picture in waiting]
    numbers = set(range(40))
    assert set(packets) == set(others) == numbers
