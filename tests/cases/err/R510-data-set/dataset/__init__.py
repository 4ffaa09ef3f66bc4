from .parts import Dataset
