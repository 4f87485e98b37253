"""What an experiment of the papers is: a world, a cell, a way to unroll and a way to train.

Defaults are the papers' own (the authors' code where it differs from the text; each such place is a setting and says so).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from tracker.types import MOST_SEED, Settings

WorldKind = Literal["static-shapes", "flying-shapes", "flying-digits", "balls", "curtain"]
CellKind = Literal["nem", "rnn", "relational", "lstm"]
Trunk = Literal["full", "shapes", "digits", "balls"]
DreamtPixels = Literal["expected", "binary"]


Objects = Annotated[int, Field(ge=1, le=100)]
Size = Annotated[float, Field(ge=0.001, le=1000)]
"""of a ball, in units of length or of mass"""

Power = Annotated[float, Field(ge=0.01, le=100)]
"""of a likelihood; outside these bounds shares are even, or 0 and 1"""


def _rising(objects: tuple[int, int] | None) -> tuple[int, int] | None:
    if objects is not None and objects[0] > objects[1]:
        raise ValueError(f"wanted fewest and most, got {list(objects)}")
    return objects


Span = Annotated[tuple[Objects, Objects], AfterValidator(_rising)]


class DigitSettings(Settings):
    """Flying digits. Size, resampling, overlap and speeds of the papers' data are unknown; these are our choices."""

    path: str | None = None
    """folder with MNIST's idx files, .gz or not; null: scikit-learn's 8 x 8 digits"""
    pictures: int | None = Field(None, ge=1, le=1_000_000)
    """how many different pictures of digits, the first of the training files; null: 50,000, and others for the test"""
    shrink: int = Field(2, ge=1, le=28)
    """28 x 28 pictures become 28 / shrink, by the mean of shrink x shrink pixels"""
    threshold: float = Field(0.5, gt=0, lt=1)
    """a pixel belongs to a digit whose ink there is above this"""


class BallSettings(Settings):
    """Balls in a square box, in units of length; measured on the authors' published animations."""

    box_units: float = Field(10.0, ge=0.1, le=1000)
    """side of the box, which fills the picture"""
    radii: tuple[Size, ...] = Field((0.8, 1.0), min_length=1, max_length=100)
    """of the classes; each ball's class is drawn uniformly"""
    masses: tuple[Size, ...] = Field((1.0, 6.0), min_length=1, max_length=100)
    speed: float = Field(1 / 3, ge=1e-6, le=1000)
    """length of all velocities of a clip taken as one vector, units per frame"""
    substeps: int = Field(2, ge=1, le=1000)
    """Euler steps per frame"""
    curtain_px: int = Field(28, ge=1, le=1024)
    """side of the curtain, a black square; only in the world "curtain" """

    @model_validator(mode="after")
    def _one_mass_each(self) -> BallSettings:
        if len(self.radii) != len(self.masses):
            raise ValueError("radii and masses are of different length, wanted one of each for every class of ball")
        if 2 * max(self.radii) > self.box_units:
            raise ValueError(
                f"wanted balls that fit into the box, got a radius of {max(self.radii)} in {self.box_units}"
            )
        return self


class WorldSettings(Settings):
    """Where the pictures come from."""

    kind: WorldKind = "static-shapes"
    objects: Span = (3, 3)
    """fewest and most in a clip, drawn uniformly"""
    side_px: int = Field(28, ge=8, le=1024)
    speed_px: int = Field(1, ge=0, le=1024)
    """shapes and digits: each component of an object's velocity is a whole number up to this, drawn uniformly"""
    digits: DigitSettings = DigitSettings()
    balls: BallSettings = BallSettings()


class NetSettings(Settings):
    """The cell: what carries theta from step to step, between an encoder and a decoder."""

    cell: CellKind = "rnn"
    """nem: one step of gradient ascent through the decoder; rnn: RNN-EM; relational: R-NEM; lstm: the baseline"""
    trunk: Trunk = "full"
    """encoder and decoder: full (none, and one layer), shapes, digits, balls"""
    hidden: int = Field(250, ge=1, le=65_536)
    """numbers in theta"""
    norm_output: bool = False
    """layer norm on what the decoder is fed"""
    norm_state: bool = False
    """also on the recurrent state; the authors' code does not, the text does not say"""
    attention: bool = True
    """relational: gates on the effects, else their plain sum"""
    context: int = Field(250, ge=1, le=65_536)
    """relational: width of its layers"""
    attention_hidden: int = Field(100, ge=1, le=65_536)
    actions: int = Field(0, ge=0, le=65_536)
    """relational: numbers in an action, 0 without"""
    step_size: float | None = Field(None, ge=-1000, le=1000)
    """nem: the learned step size at first; null: drawn as the authors' code draws it, uniform within 1.73 of 0, perhaps negative"""
    standardise_floor: float = Field(0.0, ge=0, le=1e6)
    """digits: added to the variance by which the encoder's input is divided; the authors' code adds nothing"""


class EmSettings(Settings):
    """The iteration and its loss."""

    components: int = Field(4, ge=1, le=64)
    """K"""
    steps: int = Field(15, ge=1, le=10_000)
    """T; a clip has one frame more"""
    sequential: bool = False
    """the next frame is the target of every step, with no gradient through gamma; else one picture, the last step's loss alone"""
    pixels: Literal["bernoulli", "gaussian"] = "bernoulli"
    noise: float = Field(0.1, ge=0, le=1)
    """share of the input's pixels flipped (bernoulli) or replaced by a uniform number (gaussian), anew at every step"""
    inter_weight: float = Field(1.0, ge=0, le=1e6)
    """of the second term of the loss"""
    share_sigma: float = Field(0.25, ge=1e-6, le=1e6)
    """gaussian, E-step: standard deviation; the authors' code says 0.25, the text a variance of 0.25"""
    loss_sigma: float = Field(1.0, ge=1e-6, le=1e6)
    """gaussian, loss: standard deviation; 1 in the authors' code"""
    share_power: tuple[Power, Power] = (1.0, 1.0)
    """E-step: power of the likelihood in the first and in the last step, geometric between; below 1 softer. Not in the papers"""
    update_weight: Literal["share", "mean"] = "share"
    """what pixels count in a component's update: gamma; or, not in the papers, gamma over its mean in the picture, as in slot attention"""
    gradient_steps: int | None = Field(None, ge=1, le=10_000)
    """the last steps that gradients pass through, the others are run without; 1: implicit differentiation to first order. null: all"""
    gamma_gradient: bool | None = None
    """null: as the mode has it"""
    every_step: bool | None = None
    """the loss of every step, or of the last alone; null: as the mode has it"""
    mean_over_steps: bool = False
    """N-EM's code sums the loss over steps, R-NEM's takes the mean"""
    first_prediction: Literal["zero", "decoded"] = "zero"
    """psi before the first step: 0 in the authors' code, f(theta) in the text"""

    @property
    def through_gamma(self) -> bool:
        """Whether the gradient flows through gamma."""
        return not self.sequential if self.gamma_gradient is None else self.gamma_gradient

    @property
    def all_steps(self) -> bool:
        """Whether every step's loss counts."""
        return self.sequential if self.every_step is None else self.every_step


class TrainingStage(Settings):
    """A part of the training, which begins from the best weights of the one before."""

    until: float = Field(1.0, gt=0, le=1)
    """share of all updates at which it ends"""
    learning_rate: float = Field(1e-3, ge=1e-12, le=1000)
    steps: int | None = Field(None, ge=1, le=10_000)
    """T here; null: as `em` has it"""
    components: int | None = Field(None, ge=1, le=64)
    """K here, where `em` has more; null: as `em` has it"""
    noise: float | None = Field(None, ge=0, le=1)
    """here; null: as `em` has it"""
    every_step: bool | None = None
    """whether the loss of every step counts here; null: as `em` has it"""
    objects: Span | None = None
    """fewest and most in a clip here; null: as the world has it"""
    pictures: int | None = Field(None, ge=1, le=1_000_000)
    """different pictures of digits here; null: as the world has it"""
    frozen: tuple[Literal["encoder", "core", "decoder"], ...] = Field((), max_length=3)
    """parts of the network that stay as they are; where K is 1 all learns, for a recipe may be laid over a baseline"""
    restart: bool = False
    """the cosine warms up and begins to fall anew (Loshchilov and Hutter 2017), and the stage before ends at its smallest"""


class PaperTrainSettings(Settings):
    """How it is trained."""

    seed: int = Field(0, ge=0, le=MOST_SEED)
    batch: int = Field(64, ge=1, le=65_536)
    updates: int = Field(390_500, ge=1, le=1_000_000_000)
    """at most; 500 epochs of the papers"""
    stages: tuple[TrainingStage, ...] = Field((TrainingStage(),), min_length=1, max_length=1000)
    optimiser: Literal["adam", "muon"] = "adam"
    """adam: the papers'; muon: beyond them, and much faster"""
    schedule: Literal["constant", "cosine"] = "constant"
    """cosine: rates warm up at first, and all stages together, up to a restart, fall to a hundredth"""
    rate_factor: float = Field(1.0, ge=1e-6, le=1e6)
    """every stage's learning rate times this: for recipes that are laid over an experiment"""
    warm_up_updates: int = Field(100, ge=1, le=1_000_000_000)
    """cosine only"""
    clip_norm: float | None = Field(None, ge=1e-9, le=1e9)
    """largest norm of the gradient; null: any, as in the papers"""
    clips: int | None = Field(50_000, ge=1, le=10_000_000)
    """different training clips, in fixed batches whose order is shuffled anew each epoch; null: never the same twice"""
    row_every: int = Field(781, ge=1, le=1_000_000_000)
    """updates between rows of the curve, each with a checkpoint and a validation; 781 are an epoch of the papers"""
    validation_clips: int = Field(1000, ge=1, le=1_000_000)
    patience_rows: int | None = Field(10, ge=1, le=1_000_000_000)
    """stop when the best validation loss is so many rows old; null: never"""
    clock_minutes: float | None = Field(None, ge=0.001, le=1e6)
    """stages and rates go by the clock and end then, however many updates fit; no longer the same from run to run"""
    bfloat16: bool = False
    """multiply in bfloat16, where the chip has it"""
    channels_last: bool = False
    """memory layout of convolutions"""

    @model_validator(mode="after")
    def _stages_in_order(self) -> PaperTrainSettings:
        ends = [stage.until for stage in self.stages]
        if ends != sorted(set(ends)) or ends[-1] != 1:
            raise ValueError("stages: wanted `until` rising to 1")
        if any(stage.restart for stage in self.stages) and (self.schedule == "constant" or self.stages[0].restart):
            raise ValueError("stages: restart: wanted with the schedule cosine, and in a stage that is not the first")
        return self

    @model_validator(mode="after")
    def _a_batch_of_clips(self) -> PaperTrainSettings:
        if self.clips is not None and self.clips < self.batch:
            raise ValueError(
                f"clips: {self.clips} are less than a batch of {self.batch}; wanted as many, or a smaller batch"
            )
        return self


class TestSettings(Settings):
    """A test of the trained network; null keeps what it was trained with."""

    __test__ = False

    objects: Span | None = None
    components: int | None = Field(None, ge=1, le=64)
    steps: int | None = Field(None, ge=1, le=10_000)
    static: bool = False
    """the first frame again and again"""
    watched: int | None = Field(None, ge=1, le=10_000)
    """steps after which the network goes on from its own predictions; null: it sees every frame"""
    clean: bool = False
    """without noise on the input; the authors' code has it in tests too"""
    share_power: tuple[Power, Power] | None = None
    update_weight: Literal["share", "mean"] | None = None
    starts: int = Field(1, ge=1, le=1000)
    """beyond the papers: EM from so many random gamma, of which each clip keeps the run with the lowest loss; of a roll-out, over the
    watched steps"""
    dreamt: DreamtPixels = "expected"
    """a roll-out's own frames as the network sees them: expected, the papers'; binary, beyond them: black and white"""

    @model_validator(mode="after")
    def _dreams_after_watching(self) -> TestSettings:
        if self.dreamt != "expected" and self.watched is None:
            raise ValueError("dreamt: there is no roll-out; wanted expected, or a number of watched steps")
        return self


class ExperimentSettings(Settings):
    """One experiment of the papers."""

    world: WorldSettings = WorldSettings()
    net: NetSettings = NetSettings()
    em: EmSettings = EmSettings()
    train: PaperTrainSettings = PaperTrainSettings()
    tests: dict[str, TestSettings] = Field({"same": TestSettings()}, max_length=1000)
    """by name"""

    @model_validator(mode="after")
    def _fits(self) -> ExperimentSettings:
        """Refuse what does not go together, or would change nothing."""
        self._check_network()
        self._check_stages()
        if self.em.sequential == (self.world.kind == "static-shapes"):
            raise ValueError("em.sequential: wanted for every world but static-shapes")
        for name, test in self.tests.items():
            steps = test.steps or self.em.steps
            if test.watched is not None and test.watched >= steps:
                raise ValueError(
                    f"tests.{name}.watched: {test.watched} of {steps} steps leave none to dream; wanted fewer"
                )
        return self

    def _check_network(self) -> None:
        wanted = {"full": self.world.side_px, "shapes": 28, "digits": 24, "balls": 64}[self.net.trunk]
        if self.world.side_px != wanted:
            raise ValueError(f"net.trunk {self.net.trunk}: wanted world.side_px {wanted}")
        if self.net.cell == "nem" and self.net.trunk != "full":
            raise ValueError("net.cell nem: its encoder is its decoder, transposed; wanted net.trunk full")
        if self.net.cell == "nem" and (self.net.norm_output or self.net.norm_state):
            raise ValueError("net.norm_output, net.norm_state: N-EM has no layer norm; wanted false")
        if self.net.cell == "lstm" and self.net.norm_state:
            raise ValueError("net.norm_state: the LSTM's norms are of its gates and memory; wanted false")
        if self.net.cell != "relational" and self.net.actions:
            raise ValueError("net.actions: wanted with net.cell relational")

    def _check_stages(self) -> None:
        parts = {"encoder", "core", "decoder"} - ({"encoder"} if self.net.trunk == "full" else set())
        for stage in self.train.stages:
            if self.net.cell == "nem" and stage.frozen:
                raise ValueError("train.stages: frozen: N-EM is one matrix; wanted none of its parts")
            if parts <= set(stage.frozen):
                raise ValueError("train.stages: frozen: nothing is left to learn; wanted fewer parts")
            all_steps = self.em.all_steps if stage.every_step is None else stage.every_step
            if self.em.gradient_steps is not None and all_steps:
                raise ValueError("em.gradient_steps: wanted with the loss of the last step alone, every_step false")
