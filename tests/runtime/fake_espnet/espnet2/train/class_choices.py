"""Words that choose classes."""


class ClassChoices:
    def __init__(self, name, classes, type_check=None, default=None, optional=False):
        self.name = name
        self.classes = {key.lower(): value for key, value in classes.items()}
        self.default = default
        self.optional = optional or default is None

    def choices(self):
        return (*self.classes, *((None,) if self.optional else ()))

    def get_class(self, name):
        return None if name is None else self.classes[name]

    def add_arguments(self, parser):
        parser.add_argument(f"--{self.name}", default=self.default, choices=self.choices())
        parser.add_argument(f"--{self.name}_conf", default={})
