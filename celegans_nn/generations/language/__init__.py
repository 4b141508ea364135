"""Language models as learners: presets, training on tokens, the two loops' trainers, and evaluations."""

from celegans_nn.generations.language.arm import Lessons, dense_lessons, language_controls, learner, outer_trainer
from celegans_nn.generations.language.model import PRESETS, Shape, language_model
from celegans_nn.generations.language.options import KT25_INNER, KT25_OUTER, LanguageOptions
from celegans_nn.generations.language.train import train_language

__all__ = [
    "KT25_INNER",
    "KT25_OUTER",
    "PRESETS",
    "LanguageOptions",
    "Lessons",
    "Shape",
    "dense_lessons",
    "language_controls",
    "language_model",
    "learner",
    "outer_trainer",
    "train_language",
]
