"""Trainers: evolution strategies, the genetic algorithm, and gradients through time."""

from celegans_nn.training.train import METHODS, CurvePoint, TrainOptions, TrainResult, train

__all__ = ["METHODS", "CurvePoint", "TrainOptions", "TrainResult", "train"]
