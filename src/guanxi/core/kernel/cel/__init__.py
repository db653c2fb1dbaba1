"""CEL, the Common Expression Language, for formulas and conditions an administrator writes.

``parse`` gives a tree with positions, ``check`` its type, ``compile_node`` something that runs within a bound of steps. Numbers are exact
decimals, text is counted in characters, an empty value makes what is reckoned from it empty. Nothing here knows a
record or a database; ``records.formula`` binds names to fields.
"""

from guanxi.core.kernel.cel.checking import Checked, Names, check
from guanxi.core.kernel.cel.errors import FormulaError
from guanxi.core.kernel.cel.functions import FUNCTIONS, Function
from guanxi.core.kernel.cel.running import Run, compile_node
from guanxi.core.kernel.cel.syntax import Node, parse

__all__ = ["FUNCTIONS", "Checked", "FormulaError", "Function", "Names", "Node", "Run", "check", "compile_node", "parse"]
