"""Trainers: evolution strategies, the genetic algorithm, random search, CMA-ES, and gradients through time."""

from celegans_nn.training.checkpoint import CheckpointError
from celegans_nn.training.folder import Trained, load_trained, save_trained
from celegans_nn.training.normalise import Normalised, Normaliser
from celegans_nn.training.options import PRESETS, TrainOptions
from celegans_nn.training.result import CurvePoint, Progress, TrainResult
from celegans_nn.training.train import METHODS, check_training, default_method, train

__all__ = [
    "METHODS",
    "PRESETS",
    "CheckpointError",
    "CurvePoint",
    "Normalised",
    "Normaliser",
    "Progress",
    "TrainOptions",
    "TrainResult",
    "Trained",
    "check_training",
    "default_method",
    "load_trained",
    "save_trained",
    "train",
]
