"""What tests of live runs share."""


class InOrder:
    """Every frame of a live source, none dropped: what `read_ahead` gives of a file."""

    dropped = 0

    def __init__(self, source, *, queue_frames, step):
        self.left, self.step = iter(source), step

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __iter__(self):
        return self

    def __next__(self):
        return self.step(next(self.left))
