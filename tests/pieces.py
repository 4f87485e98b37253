"""A drawn square or two that cross a small picture, and a segmenter that looks at them in both directions, in milliseconds."""

import cv2
import numpy as np

from tracker.picture import Picture
from tracker.types import BACKGROUND, FOREGROUND, Box, Frame, Region, Segmentation, SourceInfo

W, H, SIDE, FRAMES = 96, 64, 16, 40
RATE = 10.0


def drawn(index):
    """Two squares: a red one goes to the right, a blue one comes at frame 10 and goes down."""
    generator = np.random.default_rng(index)
    image = generator.integers(90, 110, (H, W, 3), np.uint8)
    image[8 : 8 + SIDE, 2 * index : 2 * index + SIDE] = (200, 20, 20)
    if index >= 10:
        image[index : index + SIDE, 70 : 70 + SIDE] = (20, 20, 200)
    return image


class Clip:
    def __init__(self, frames=FRAMES):
        self.info = SourceInfo("clip", (W, H), RATE, frames, live=False)
        self.problem, self.frames, self.closed = None, frames, 0

    def __iter__(self):
        for index in range(self.frames):
            yield Frame(index, index / RATE, Picture.of(drawn(index)))

    def sample(self, count, *, whole=True, width="full"):
        return []

    def close(self):
        self.closed += 1


class Unlearning:
    """What a segmenter has that learns nothing of the scene."""

    def prepare(self, images):
        pass

    def freeze(self, frozen):
        pass

    def reset(self):
        pass


class Pieces(Unlearning):
    """A segmenter that numbers pieces of colour as it meets them, the same object by its colour; forwards and backwards."""

    working_width = W

    def __init__(self, *, first=1):
        self.numbers, self.first, self.again_frames, self.others = {}, first, [], []
        self.looked, self.told = 0, []

    def judge(self, frame):
        image = frame.picture.at(W)
        far = np.abs(image.astype(int) - 100).max(axis=2) > 40
        return image, np.where(far, FOREGROUND, BACKGROUND).astype(np.uint8)

    def assign(self, frame, judged):
        return self.found(*judged, frame.size)

    def step(self, frame):
        return self.assign(frame, self.judge(frame))

    def expect_more_passes(self):
        pass

    def later_pass(self, learned):
        self.told.append(learned)
        self.others.append(Pieces(first=5 + 2 * len(self.others)))
        return self.others[-1]

    def step_judged(self, image, verdicts, *, time_s, scene, size):
        self.again_frames.append((time_s, scene))
        return self.found(image, verdicts, size)

    def found(self, image, verdicts, size):
        count, pieces, boxes, _ = cv2.connectedComponentsWithStats((verdicts == FOREGROUND).astype(np.uint8))
        labels, regions = np.zeros(verdicts.shape, np.int32), []
        for piece in range(1, count):
            x, y, w, h, area = boxes[piece].tolist()
            colour = image[pieces == piece].mean(axis=0)
            name = "red" if colour[0] > colour[2] else "blue"
            number = self.numbers.setdefault(name, self.first + len(self.numbers))
            labels[pieces == piece] = number
            colours = np.tile(colour.astype(np.float32) / 255, (3, 1))
            regions.append(Region(number, Box(x, y, x + w, y + h), area, 0.9, colours=colours))
        self.looked += 1
        return Segmentation(labels, tuple(regions), labels > 0, size, verdicts, learned=self.looked)


class Kept:
    def __init__(self):
        self.moments, self.outcome = [], None

    def write(self, moment):
        self.moments.append(moment)

    def close(self, outcome):
        self.outcome = outcome

    def tracks(self):
        return [[(t.id, tuple(map(round, t.box))) for t in m.views[0].tracks if not t.hidden] for m in self.moments]


def frame_of(index):
    return Frame(index, index / RATE, Picture.of(drawn(index)))
