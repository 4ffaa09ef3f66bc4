from .model import Net


class LogMel: ...
