import itertools
import subprocess
import sys

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from tracker.tracks import Linker, LinkerSettings
from tracker.tracks.assignment import assign, pair_costs
from tracker.tracks.motion import begin, correct, predict, pushed_into
from tracker.types import Box, Region

SIZE = (400, 300)
FPS = 10.0


def person(x, y=100.0, width=20.0, height=50.0):
    """The box of a person whose centre is at x, y."""
    return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def union(a, b):
    return Box(min(a.x0, b.x0), min(a.y0, b.y0), max(a.x1, b.x1), max(a.y1, b.y1))


def watch(frames, *, linker=None, fps=FPS, **settings):
    """The tracks of every frame; a frame is the boxes seen in it."""
    linker = linker or Linker(LinkerSettings(**settings))
    return [
        linker.step(
            [Region(label, box, box.width * box.height) for label, box in enumerate(boxes, 1)],
            time_s=n / fps,
            size=SIZE,
        )
        for n, boxes in enumerate(frames)
    ]


def who(tracks, box):
    """The identity of the seen track whose centre is within 12 pixels of the box's."""
    near = [t.id for t in tracks if not t.hidden and np.hypot(*np.subtract(t.box.centre, box.centre)) < 12]
    assert len(near) == 1, (tracks, box)
    return near[0]


def ids(tracks):
    return [t.id for t in tracks]


def test_a_walker_keeps_one_identity_from_the_third_frame_on():
    run = watch([[person(50 + 3 * n)] for n in range(30)])
    assert [ids(tracks) for tracks in run] == [[], []] + [[1]] * 28
    assert run[-1][0].box.centre == pytest.approx((137, 100), abs=1)
    assert run[-1][0].label == 1


def test_a_speck_of_one_frame_gets_no_identity():
    assert not any(watch([[], [person(50)], [], [], [person(200)], []]))


def test_confirming_at_once_names_the_first_sight():
    assert ids(watch([[person(50)]], confirm_s=0)[0]) == [1]


def test_one_blank_frame_is_bridged_and_shown_as_hidden():
    frames = [[person(50 + 3 * n)] if n != 10 else [] for n in range(20)]
    run = watch(frames)
    assert [(t.id, t.hidden, t.label) for t in run[10]] == [(1, True, 0)]
    assert run[10][0].box.centre == pytest.approx((80, 100), abs=2)
    assert [(t.id, t.hidden) for t in run[19]] == [(1, False)]


def test_a_gap_longer_than_allowed_ends_the_track_and_the_next_identity_is_new():
    frames = [[person(100)]] * 10 + [[]] * 15 + [[person(100)]] * 10
    run = watch(frames, max_gap_s=1.0)
    # unseen for 0.1 s in frame 10 and for 1.0 s in frame 19
    assert [len(tracks) for tracks in run[10:25]] == [1] * 10 + [0] * 5
    assert ids(run[-1]) == [2]


def test_two_who_cross_while_one_is_unseen_keep_their_identities():
    frames = []
    for n in range(40):
        a, b = person(60 + 5 * n, 100), person(260 - 5 * n, 108)
        frames.append([a] if 17 <= n <= 23 else [a, b])
    run = watch(frames)
    before = who(run[10], person(110, 100)), who(run[10], person(210, 108))
    after = who(run[39], person(255, 100)), who(run[39], person(65, 108))
    assert before == after
    assert {i for tracks in run for i in ids(tracks)} == {1, 2}


def test_two_who_merge_into_one_blob_keep_their_identities_and_sizes():
    frames = []
    for n in range(40):
        a, b = person(60 + 5 * n, 100), person(260 - 5 * n, 104)
        frames.append([union(a, b)] if abs(a.x0 - b.x0) < 22 else [a, b])
    run = watch(frames)
    before = who(run[10], person(110, 100)), who(run[10], person(210, 104))
    after = who(run[39], person(255, 100)), who(run[39], person(65, 104))
    assert before == after
    merged = [tracks for tracks, boxes in zip(run, frames, strict=True) if len(boxes) == 1]
    assert len(merged) == 5  # centres 20 or nearer: 200 - 10 n
    for tracks in merged:
        assert ids(tracks) == [1, 2]
        assert all(t.box.width < 25 for t in tracks)
        # one blob has one owner
        assert sorted(t.label for t in tracks) == [0, 1]


@pytest.mark.parametrize("seed", range(40))
def test_who_is_not_seen_owns_no_pixels(seed):
    """Also where several merge into a region that only some of them can have reached."""
    rng = np.random.default_rng(seed)
    linker, places = Linker(LinkerSettings()), rng.uniform(60, 240, (4, 2))
    for n in range(30):
        boxes = [person(*place, *rng.uniform((8, 20), (30, 60))) for place in places]
        if n > 5 and rng.random() < 0.5:
            boxes = [union(union(boxes[0], boxes[1]), boxes[2]), boxes[3]]
        regions = [Region(label, box, box.area) for label, box in enumerate(boxes, 1)]
        tracks = linker.step(regions, time_s=n / FPS, size=SIZE)
        assert {track.label for track in tracks if track.hidden} <= {0}
        places += rng.uniform(-25, 25, (4, 2))


def test_one_enters_while_another_walks():
    frames = [[person(100 + 2 * n)] + ([person(300 - 2 * n)] if n >= 10 else []) for n in range(20)]
    run = watch(frames)
    assert ids(run[11]) == [1]
    assert ids(run[12]) == [1, 2]
    assert who(run[19], person(138)) == 1


def test_who_walks_out_of_the_frame_is_not_kept():
    frames = [[person(380 + 4 * n)] for n in range(5)] + [[]] * 3
    run = watch(frames)
    assert ids(run[4]) == [1]
    # at 4 pixels a frame the centre is beyond 400 in the next frame
    assert run[6] == ()


def test_who_walks_out_is_the_same_to_the_last_strip_seen():
    """Seen to its middle at one moment, and only by its back, a quarter of the size, in the next ones."""
    frames = [[person(390 - 3 * n, width=22, height=56)] for n in range(20, 0, -1)]
    frames += [[Box(379, 72, 400, 128)], [Box(388, 80, 400, 120)]] + [[Box(393, 85, 400, 115)]] * 4
    run = watch(frames, fps=25.0)
    assert {track.id for tracks in run for track in tracks} == {1}


def test_the_order_of_the_regions_does_not_matter():
    frames = [[person(60 + 4 * n, 80), person(200 - 4 * n, 150), person(300, 220)] for n in range(30)]
    given = watch(frames)
    shuffled = watch([boxes if n < 3 else boxes[::-1] for n, boxes in enumerate(frames)])
    assert [[(t.id, t.box) for t in tracks] for tracks in given] == [
        [(t.id, t.box) for t in tracks] for tracks in shuffled
    ]


def test_half_the_frames_missing_gives_the_same_speed():
    """Times, not frame counts, move a track: 30 pixels a second at 10 and at 5 frames a second."""
    full = watch([[person(50 + 3 * n)] for n in range(41)])
    half = watch([[person(50 + 6 * n)] for n in range(21)], fps=5)
    assert half[-1][0].box.centre == pytest.approx(full[-1][0].box.centre, abs=1)
    assert {t.id for tracks in half for t in tracks} == {1}


def test_a_reset_counts_from_one_again_and_two_linkers_share_nothing():
    frames = [[person(50 + 3 * n)] for n in range(10)]
    linker = Linker(LinkerSettings())
    first = watch(frames, linker=linker)
    linker.reset()
    assert watch(frames, linker=linker) == first == watch(frames)


def test_hidden_regions_are_not_linked():
    linker = Linker(LinkerSettings(confirm_s=0))
    assert linker.step([Region(1, person(50), 0.0, hidden=True)], time_s=0.0, size=SIZE) == ()


def test_the_pairing_is_the_cheapest_of_all():
    rng = np.random.default_rng(3)
    for _ in range(30):
        costs = rng.uniform(0, 2, (4, 4))
        costs[rng.random((4, 4)) < 0.2] = np.inf
        pairs = assign(costs)
        # brute force: as many pairs as can be, then the least sum
        every = [
            [(r, c) for r, c in enumerate(order) if np.isfinite(costs[r, c])]
            for order in itertools.permutations(range(4))
        ]
        best = min((-len(p), sum(costs[rc] for rc in p)) for p in every)
        assert (-len(pairs), sum(costs[rc] for rc in pairs)) == pytest.approx(best)


@pytest.mark.parametrize("possible", [0.1, 0.4, 1.0])
def test_the_pairing_is_that_of_scipy_in_groups_of_any_shape(possible):
    rng = np.random.default_rng(4)
    for _ in range(100):
        costs = rng.uniform(0, 2, rng.integers(1, 24, 2))
        costs[rng.random(costs.shape) > possible] = np.inf
        # dearer than all others together
        rows, columns = linear_sum_assignment(np.where(np.isfinite(costs), costs, 1000.0))
        pairs = list(zip(rows.tolist(), columns.tolist(), strict=True))
        assert assign(costs) == [pair for pair in pairs if np.isfinite(costs[pair])]


def test_pairing_does_without_scipy_which_is_slow_to_import():
    asked = (
        "import sys\nimport numpy as np\nfrom tracker.tracks.assignment import assign\n"
        "print(assign(np.array([[1.0, 2.0], [1.5, 4.0]])), 'scipy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[(0, 1), (1, 0)] False"


def test_pairs_without_a_rival_are_paired_as_they_are():
    costs = np.full((3, 4), np.inf)
    costs[0, 2], costs[2, 1] = 1.5, 0.2
    assert assign(costs) == [(0, 2), (2, 1)]


def test_pairs_out_of_reach_or_of_another_size_are_excluded():
    near, far, large = person(53), person(120), person(50, 100, 60, 150)
    costs = pair_costs([person(50)], [near, far, large], reach=0.5, growth=2.5)
    assert np.isfinite(costs).tolist() == [[True, False, False]]
    # shifted by 3 of 20: IoU 17/23; the diagonal is the root of 20^2 + 50^2
    assert costs[0, 0] == pytest.approx(1 - 17 / 23 + 3 / np.hypot(20, 50))
    assert pair_costs([], [near], reach=0.5, growth=2.5).shape == (0, 1)
    assert assign(np.zeros((0, 1))) == []


def test_the_filter_is_the_textbook_kalman_filter():
    """Against the matrix form of one centre coordinate: x = (position, velocity), white acceleration."""
    motion = begin(person(50, width=40, height=40))
    mean, cov = np.array([50.0, 0.0]), np.diag([2.0**2, 40.0**2])  # 5 % and one size a second of a size of 40
    dt, push, noise = 0.2, 2.0 * 40, 2.0**2
    F, Q = np.array([[1, dt], [0, 1]]), push**2 * np.array([[dt**4 / 4, dt**3 / 2], [dt**3 / 2, dt**2]])
    for x in (53.0, 55.0, 60.0):
        mean, cov = F @ mean, F @ cov @ F.T + Q
        gain = cov[:, 0] / (cov[0, 0] + noise)
        mean, cov = mean + gain * (x - mean[0]), cov - np.outer(gain, cov[0])
        motion = correct(predict(motion, dt_s=dt), person(x, width=40, height=40))
        assert (motion.value[0], motion.velocity[0]) == pytest.approx(tuple(mean))
        assert (motion.var_value[0], motion.covariance[0], motion.var_velocity[0]) == pytest.approx(
            (cov[0, 0], cov[0, 1], cov[1, 1])
        )


def test_a_box_pushed_into_a_region_moves_no_farther_than_it_must():
    region = Box(100, 50, 160, 150)
    assert pushed_into(begin(person(90, 100)), region).box == Box(100, 75, 120, 125)
    assert pushed_into(begin(person(130, 100)), region).box == person(130, 100)
    # larger than the region: centred on it
    assert pushed_into(begin(person(90, 100, width=80)), region).box.centre == (130, 100)


def test_a_track_does_not_jump_to_what_its_speed_does_not_explain():
    """One vanishes; where its prediction, wrong about its speed, would be a second later somebody else comes up."""
    story = [[person(40 + 2 * n)] for n in range(10)] + [[]] * 3 + [[person(140)]] * 5
    run = watch(story, reach=1000)
    assert {id for tracks in run[:10] for id in ids(tracks)} == {1}
    assert [ids([track for track in tracks if not track.hidden]) for tracks in run[-3:]] == [[2]] * 3


def test_a_fast_track_goes_on_over_a_gap_that_its_speed_explains():
    story = [[person(40 + 20 * n)] for n in range(8)] + [[]] * 4 + [[person(40 + 20 * n)] for n in range(12, 15)]
    run = watch(story)
    assert {id for tracks in run for id in ids(tracks)} == {1}
