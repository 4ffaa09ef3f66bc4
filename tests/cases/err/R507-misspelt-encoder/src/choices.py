"""What stands in espnet2.train.class_choices."""


class ClassChoices:
    """A choice of classes by name."""

    def __init__(self, name, classes, type_check=None, default=None, optional=False):
        self.name = name
        self.classes = classes
