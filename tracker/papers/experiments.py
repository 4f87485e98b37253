"""The papers' experiments by name: which networks each needs, what was published, and what its report shows.

Sources of the published numbers: "N-EM" and "R-NEM" (see the package), "RC" Greff et al. 2015 (Binding via Reconstruction Clustering),
"PROVIDE" Zablotskaia et al. 2021, who evaluated R-NEM again.
"""

from __future__ import annotations

from typing import NamedTuple


class Beyond(NamedTuple):
    """A way to do better than the papers' network and protocol, with a network that ships."""

    run: str
    """name of the network, its file in configs/papers"""
    test: str
    """one of that file's tests"""
    how: str
    """what it is, for the page"""


class Claim(NamedTuple):
    """One line of the table."""

    what: str
    run: str
    """name of the network, its file in configs/papers"""
    test: str
    """one of that file's tests"""
    score: str
    """a key of `evaluation.scores`; ari_first/40 is an entry of one that has several"""
    published: float | None
    source: str
    """of the published number; what is known of it where there is none"""
    more: bool = True
    """whether more is better"""
    beyond: Beyond | None = None
    """whose score stands in the second column"""


class Figure(NamedTuple):
    """One picture of the report."""

    kind: str
    """groupings, steps, rollout: pictures of the first run's; curve: a score over its steps; objects: over the number of objects"""
    runs: tuple[str, ...]
    caption: str
    test: str = "same"
    score: str = ""


class Experiment(NamedTuple):
    """What `tracker paper NAME` does."""

    title: str
    runs: tuple[str, ...]
    """configs/papers/RUN.yaml, in the order of training"""
    claims: tuple[Claim, ...]
    figures: tuple[Figure, ...]


OBJECTS = range(1, 6)
"""numbers of objects that figure 5 of N-EM goes over; each a test `objects-N`"""


def _bce(what: str, run: str, score: str, source: str) -> tuple[Claim, ...]:
    """A line for each number of objects."""
    return tuple(
        Claim(f"{what}, {count} object{'s' * (count > 1)}", run, f"objects-{count}", score, None, source, more=False)
        for count in OBJECTS
    )


def _ami(what: str, run: str, test: str, published: float, source: str, *, beyond: Beyond) -> tuple[Claim, ...]:
    """The mean over the steps, as the authors' code has it, and the last step."""
    return (
        Claim(f"{what}, AMI, mean of the steps", run, test, "ami", published, source, beyond=beyond),
        Claim(f"{what}, AMI of the last step", run, test, "ami_last", published, source, beyond=beyond),
    )


def _starts(run: str, test: str) -> Beyond:
    return Beyond(run, f"{test}-starts", "the same network, the best of four starts by its loss")


def _annealed(run: str, test: str) -> Beyond:
    return Beyond(
        run,
        f"{test}-annealed",
        "the same network: shares that harden over the steps, the best of four starts by its loss",
    )


def _binary(run: str) -> Beyond:
    return Beyond(
        run, "dream-binary", "the same network, the best of four starts; its dreamt frames are made black and white"
    )


def _dreamt(run: str) -> tuple[Claim, ...]:
    """Roll-outs, twenty frames seen and twenty dreamt."""
    source = "R-NEM, figures only"
    return (
        Claim(
            "twenty dreamt frames, components that show a ball",
            run,
            "dream",
            "balls_dreamt/20",
            None,
            source,
            beyond=_binary(run),
        ),
        Claim("balls that are there", run, "dream", "balls_there/20", None, "the same clips"),
        Claim("share of dreamt frames with as many", run, "dream", "balls_right/20", None, source, beyond=_binary(run)),
        Claim("ARI of the dreamt frames", run, "dream", "ari_dreamt/20", None, source, beyond=_binary(run)),
    )


OVER_OBJECTS = "BCE of the last step over the number of objects (N-EM, figure 5)."
DREAM = "Twenty frames seen, then thirty dreamt; the top row is what happened."
DREAM_BINARY = f"{DREAM} Beyond the papers: dreamt frames are made black and white before the network sees them."
BALLS = ("balls", "balls-sum", "balls-rnn-em", "balls-rnn", "balls-lstm")
ONLY_FIGURE = "N-EM, figure 5: no numbers, RNN-EM below K = 1 throughout"

STILL = Beyond(
    "flying-shapes",
    "still",
    "the network of the flying shapes, which learned from motion what a shape is, on still pictures with K = 5",
)

ANNEALED = Beyond(
    "shapes-nem",
    "annealed",
    "the same network after 20 steps: shares that harden over the steps, the weighted mean of slot attention, the best of four starts",
)

EXPERIMENTS = {
    "shapes": Experiment(
        "Static shapes: N-EM and RNN-EM",
        ("shapes", "shapes-nem"),
        (
            Claim("RNN-EM, AMI", "shapes", "same", "ami", 0.929, "RC, trained on single shapes; .777 trained as here", beyond=STILL),
            Claim("RNN-EM with three components, AMI", "shapes", "three", "ami", None, "none published"),
            Claim("RNN-EM without noise, AMI", "shapes", "clean", "ami", None, "none published"),
            Claim("N-EM, AMI", "shapes-nem", "same", "ami", None, "N-EM, figure 3: below RNN-EM where shapes overlap", beyond=ANNEALED),
            Claim("RNN-EM, AMI where shapes overlap", "shapes", "same", "ami_overlap", None, "none published", beyond=STILL),
            Claim("N-EM, AMI where shapes overlap", "shapes-nem", "same", "ami_overlap", None, "none published", beyond=ANNEALED),
            Claim("RNN-EM, AMI where they do not", "shapes", "same", "ami_apart", None, "none published", beyond=STILL),
            Claim("N-EM, AMI where they do not", "shapes-nem", "same", "ami_apart", None, "none published", beyond=ANNEALED),
            Claim("N-EM without noise, AMI", "shapes-nem", "clean", "ami", None, "none published"),
        ),
        (
            Figure("groupings", ("shapes", "shapes-nem"), "Who owns which pixel after the last step (N-EM, figure 3)."),
            Figure("curve", ("shapes", "shapes-nem"), "AMI of every step.", score="ami_by_step"),
        ),
    ),
    "flying-shapes": Experiment(
        "Flying shapes: next-frame prediction",
        ("flying-shapes", "flying-shapes-5", "flying-shapes-k1"),
        (
            *(
                line
                for what, run, test, published in (
                    ("3 objects, K = 5", "flying-shapes", "same", 0.997),
                    ("3 objects, tested with K = 3", "flying-shapes", "three-components", 0.914),
                    ("5 objects, K = 5", "flying-shapes-5", "same", 0.878),
                    ("trained on 5, tested on 3 objects", "flying-shapes-5", "three", 0.981),
                )
                for line in _ami(what, run, test, published, "N-EM, table 1", beyond=_starts(run, test))
            ),
            *_bce("RNN-EM, BCE of the next frame", "flying-shapes", "bce_last", ONLY_FIGURE),
            *_bce("K = 1, BCE of the next frame", "flying-shapes-k1", "bce_last", ONLY_FIGURE),
        ),
        (
            Figure("steps", ("flying-shapes",), "Twenty steps: input, owners, and what each component foretells."),
            Figure("groupings", ("flying-shapes-5",), "Five objects at the last step."),
            Figure("objects", ("flying-shapes", "flying-shapes-k1"), OVER_OBJECTS, score="bce_last"),
            Figure("curve", ("flying-shapes", "flying-shapes-5"), "AMI beyond the length of the training.", "long", "ami_by_step"),
        ),
    ),
    "flying-mnist": Experiment(
        "Flying MNIST: two digits, in stages",
        ("flying-mnist", "flying-mnist-direct"),
        (
            *(
                line
                for what, run, test, published in (
                    ("2 digits, in stages", "flying-mnist", "same", 0.917),
                    ("the same network on 3 digits, K = 3", "flying-mnist", "three", 0.838),
                    ("2 digits, all from the start", "flying-mnist-direct", "same", 0.819),
                    ("that network on 3 digits, K = 3", "flying-mnist-direct", "three", 0.729),
                )
                for line in _ami(what, run, test, published, "N-EM, section 4.3", beyond=_annealed(run, test))
            ),
            Claim(
                "the network in stages on still digits, 50 steps, AMI of the last", "flying-mnist", "static", "ami", 0.772,
                "N-EM, section 4.3", beyond=_annealed("flying-mnist", "static"),
            ),
        ),
        (
            Figure("steps", ("flying-mnist",), "Two digits over twenty steps (N-EM, figure 4)."),
            Figure("steps", ("flying-mnist",), "Three digits, with the network that was trained on two (N-EM, figure 4).", "three"),
            Figure("curve", ("flying-mnist",), "AMI over the length of the sequence (N-EM, figure 6).", "long", "ami_by_step"),
        ),
    ),
    "denoising": Experiment(
        "Denoising static shapes",
        ("shapes", "shapes-k1"),
        (
            *_bce("RNN-EM, BCE", "shapes", "bce_last", ONLY_FIGURE),
            *_bce("K = 1, BCE", "shapes-k1", "bce_last", ONLY_FIGURE),
        ),
        (
            Figure("objects", ("shapes", "shapes-k1"), OVER_OBJECTS, score="bce_last"),
            Figure("steps", ("shapes",), "Fifteen steps on one noisy picture."),
        ),
    ),
    "balls": Experiment(
        "Bouncing balls: R-NEM and its baselines",
        BALLS,
        (
            *(
                Claim(
                    f"R-NEM, first {n} frames, ARI of the foreground", "balls", "forty", f"ari_first/{n}", ari, "PROVIDE",
                    beyond=_starts("balls", "forty"),
                )
                for n, ari in ((10, 0.626), (20, 0.733), (30, 0.771), (40, 0.790))
            ),
            *(
                Claim(
                    f"R-NEM, first {n} frames, MSE", "balls", "forty", f"mse_first/{n}", mse, "PROVIDE", more=False,
                    beyond=_starts("balls", "forty"),
                )
                for n, mse in ((10, 0.0252), (20, 0.0138), (30, 0.0096), (40, 0.0076))
            ),
            Claim(
                "6 to 8 balls with the network trained on 4, K = 8, ARI", "balls", "many", "ari", None, "R-NEM, figures only",
                beyond=_starts("balls", "many"),
            ),
            *_dreamt("balls"),
            *(
                Claim(f"{what}, {kind}", run, "same", score, None, "R-NEM, figure 3: R-NEM lowest, then without attention", more=False)
                for what, run in (
                    ("R-NEM", "balls"), ("without attention", "balls-sum"), ("RNN-EM", "balls-rnn-em"),
                    ("RNN", "balls-rnn"), ("LSTM", "balls-lstm"),
                )
                for kind, score in (("BCE", "bce_late"), ("BCE in collisions", "relational_bce_late"))
            ),
        ),
        (
            Figure("steps", ("balls",), "Thirty steps on four balls."),
            Figure("steps", ("balls",), "Six to eight balls, K = 8, with the network trained on four.", "many"),
            Figure("rollout", ("balls", "balls-rnn-em", "balls-rnn"), DREAM, "dream"),
            Figure("rollout", ("balls",), DREAM_BINARY, "dream-binary"),
            Figure("rollout", ("balls",), f"Six to eight balls. {DREAM}", "dream-many"),
            Figure("rollout", ("balls",), f"Six to eight balls. {DREAM_BINARY}", "dream-many-binary"),
            Figure("curve", BALLS, "BCE of every step; they dream from step 21 on.", "dream", "bce_by_step"),
        ),
    ),
    "curtain": Experiment(
        "Balls behind a curtain",
        ("curtain",),
        (
            Claim(
                "R-NEM, ARI of the foreground", "curtain", "same", "ari", None, "R-NEM, figures only",
                beyond=_starts("curtain", "same"),
            ),
            Claim("R-NEM, BCE", "curtain", "same", "bce_late", None, "R-NEM, figures only", more=False),
            *_dreamt("curtain"),
        ),
        (
            Figure("steps", ("curtain",), "Thirty steps: components keep moving behind the square that nobody sees."),
            Figure("rollout", ("curtain",), DREAM, "dream"),
            Figure("rollout", ("curtain",), DREAM_BINARY, "dream-binary"),
        ),
    ),
}  # fmt: skip
