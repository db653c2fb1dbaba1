"""The one error of this room: a sentence for the operator and the way out."""


class Trouble(Exception):
    """Something outside the program is in the way.

    ``str(error)`` is one or two sentences in the operator's language saying what is wrong and what to do.
    The command line prints it without a traceback and ends with exit code 1.
    """
