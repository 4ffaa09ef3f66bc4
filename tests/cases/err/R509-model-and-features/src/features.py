from .model import count


class LogMel: ...
