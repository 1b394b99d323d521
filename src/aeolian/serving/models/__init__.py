"""What the service knows to do: the table of models. Each does its work in a module of its own, imported there."""

from aeolian.serving.models.table import MODELS, NOVICE_DJ, find_models

__all__ = ["MODELS", "NOVICE_DJ", "find_models"]
