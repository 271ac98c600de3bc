# cython: language_level=3, auto_pickle=False, embedsignature=False
"""Rules of multi-variant flags: compiled when a document arrives, evaluated for every caller.

    (and (eq $country "NL") (split pct::20 by::$userId seed::"2026"))

    S-expression (ion) --compile_rule--> a tree of Rules --holds(context)--> whether it is true

A context is what the caller says of itself: texts by key. A rule compares them with literals, each
text read as its literal's type: a text that cannot be read so, or is not there, makes the
comparison false. Nothing in here raises once a rule is compiled. Its manual page is `rules.pyi`.

Source: AWS AppConfig user guide, "Understanding multi-variant feature flag rules" and "Defining
rules: operators"; coercion and bucketing as docs/behaviour.md says, where that is silent.
"""

from cpython.object cimport Py_EQ, Py_GE, Py_GT, Py_LE, Py_LT, PyObject_RichCompareBool
from libc.stdint cimport uint32_t

from fastext.errors import RuleError, UnknownSymbolError
from fastext.ion import Annotated, Sexp, Symbol, Timestamp, UnknownSymbol, parse_timestamp


# ---------------------------------------------------------------- a text as its literal's type

# Each takes a text of the context, or a literal, and gives its value of one type, or None.
ctypedef object (*Reading)(object value)

# Go's strconv.ParseBool, which the agent reads booleans with.
cdef dict BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}


cdef object as_text(object value):
    return value if type(value) is str else None


cdef object as_number(object value):
    """An int where the text is one, so that long identifiers keep all their digits."""
    if type(value) is not str:
        return value if type(value) is int or type(value) is float else None
    # Python would also read "1_000" and " 1".
    if "_" in value or (<str>value).strip() != value or not (<str>value).isascii():
        return None
    try:
        return int(value) if len(value) < 40 else float(value)
    except ValueError:
        pass
    try:
        return float(value)
    except ValueError:
        return None


cdef object as_boolean(object value):
    return BOOLEANS.get(value) if type(value) is str else value if type(value) is bool else None


cdef object as_instant(object value):
    if type(value) is Timestamp:
        return value.epoch_seconds
    if type(value) is not str:
        return None
    try:
        return parse_timestamp(value).epoch_seconds
    except ValueError:
        return None


cdef Reading reading_beside(object literal):
    """How a text is read that is compared with `literal`."""
    if type(literal) is bool:
        return as_boolean
    if type(literal) is int or type(literal) is float:
        return as_number
    if type(literal) is Timestamp:
        return as_instant
    return as_text


def read_beside(str text not None, literal):
    return reading_beside(literal)(text)


# ---------------------------------------------------------------- operands

cdef class Operand:
    """A variable of the context, by its `key`, or else the value `literal`."""

    cdef str key
    cdef object literal

    cdef object read(self, dict context, Reading reading):
        """Its value, read so, or None."""
        if self.key is None:
            return reading(self.literal)
        cdef object text = context.get(self.key)
        return None if text is None else reading(text)


# ---------------------------------------------------------------- rules

cdef class Rule:
    """Something that is true or false of a context."""

    cdef bint holds_in(self, dict context) except -1:
        raise NotImplementedError

    def holds(self, dict context not None):
        return self.holds_in(context)


cdef class Constant(Rule):
    cdef bint value

    cdef bint holds_in(self, dict context) except -1:
        return self.value


cdef class Truth(Rule):
    """A variable that stands alone: whether it reads as true."""

    cdef Operand operand

    cdef bint holds_in(self, dict context) except -1:
        return self.operand.read(context, as_boolean) is True


cdef class Junction(Rule):
    cdef tuple rules


cdef class All(Junction):
    """and: no further rule is looked at behind one that is false."""

    cdef bint holds_in(self, dict context) except -1:
        cdef Rule rule
        for rule in self.rules:
            if not rule.holds_in(context):
                return False
        return True


cdef class Any(Junction):
    """or: no further rule is looked at behind one that is true."""

    cdef bint holds_in(self, dict context) except -1:
        cdef Rule rule
        for rule in self.rules:
            if rule.holds_in(context):
                return True
        return False


cdef class Not(Rule):
    cdef Rule rule

    cdef bint holds_in(self, dict context) except -1:
        return not self.rule.holds_in(context)


cdef class Comparison(Rule):
    """eq, gt, gte, lt, lte: both sides read as the literal's type."""

    cdef Operand left
    cdef Operand right
    cdef int operation      # Py_EQ and its like
    cdef Reading reading

    cdef bint holds_in(self, dict context) except -1:
        cdef object left = self.left.read(context, self.reading)
        cdef object right = self.right.read(context, self.reading)
        if left is None or right is None:
            return False
        if self.reading is as_text and self.operation != Py_EQ:
            left_number, right_number = as_number(left), as_number(right)
            if left_number is not None and right_number is not None:
                left, right = left_number, right_number
        return PyObject_RichCompareBool(left, right, self.operation)


cdef class Part(Rule):
    """begins_with, ends_with, contains; by code points, case counts."""

    cdef Operand whole
    cdef Operand part
    cdef char where         # b, e or c

    cdef bint holds_in(self, dict context) except -1:
        cdef str whole = self.whole.read(context, as_text)
        cdef str part = self.part.read(context, as_text)
        if whole is None or part is None:
            return False
        if self.where == c'b':
            return whole.startswith(part)
        return whole.endswith(part) if self.where == c'e' else part in whole


cdef class In(Rule):
    """Whether a value equals one of some literals, each compared as its type wants it."""

    cdef Operand operand
    cdef frozenset texts
    cdef frozenset numbers
    cdef frozenset booleans
    cdef frozenset instants

    cdef bint holds_in(self, dict context) except -1:
        return (
            self.operand.read(context, as_text) in self.texts
            or (self.numbers and self.operand.read(context, as_number) in self.numbers)
            or (self.booleans and self.operand.read(context, as_boolean) in self.booleans)
            or (self.instants and self.operand.read(context, as_instant) in self.instants)
        )


cdef class Matches(Rule):
    """Whether a pattern of RE2 is found anywhere in a text."""

    cdef Operand operand
    cdef object search

    cdef bint holds_in(self, dict context) except -1:
        cdef object text = self.operand.read(context, as_text)
        return text is not None and self.search(text) is not None


cdef class Exists(Rule):
    cdef str key

    cdef bint holds_in(self, dict context) except -1:
        return self.key in context


cdef class Split(Rule):
    """Whether a value falls into the first `percentage` of all values."""

    cdef Operand operand
    cdef str seed
    cdef double percentage

    cdef bint holds_in(self, dict context) except -1:
        cdef str value = self.operand.read(context, as_text)
        return value is not None and bucket_of(value, self.seed) < self.percentage


cdef double bucket_of(str value, str seed) except -1:
    """Where `value` stands among all values, in per cent: 0 to 99.999.

    The only place that knows how: FNV-1a (32 bits) of value and seed, in steps of a thousandth. AWS
    has not published it; see docs/behaviour.md.
    """
    cdef uint32_t digest = 0x811C9DC5
    cdef unsigned char octet
    for octet in (value + seed).encode():
        digest = (digest ^ octet) * <uint32_t>0x01000193
    return (digest % 100000) / 1000.0


def bucket(str value not None, str seed not None):
    return bucket_of(value, seed)


# ---------------------------------------------------------------- compiling

cdef dict OPERATIONS = {"eq": Py_EQ, "gt": Py_GT, "gte": Py_GE, "lt": Py_LT, "lte": Py_LE}


def compile_rule(node, str flag not None):
    return compiled(node, flag)


cdef Rule compiled(object node, str flag):
    """A condition: an expression, true or false, or a variable alone."""
    cdef Constant constant
    cdef Truth truth
    if type(node) is Sexp:
        return expression(node, flag)
    if type(node) is bool:
        constant = Constant.__new__(Constant)
        constant.value = node
        return constant
    if type(node) is Symbol and node.startswith("$"):
        truth = Truth.__new__(Truth)
        truth.operand = operand_of(node)
        return truth
    refuse_unknown(node)
    raise RuleError(
        f"{shown(node)} is no condition: neither an expression nor $name, true or false"
    )


cdef Rule expression(object node, str flag):
    if not node:
        raise RuleError("an expression is empty")
    operator, arguments = node[0], node[1:]
    refuse_unknown(operator)
    compiler = COMPILERS.get(operator) if type(operator) is Symbol else None
    if compiler is None:
        raise RuleError(f"{shown(operator)} is no operator; there are {', '.join(COMPILERS)}")
    return compiler(arguments, flag)


def junction(kind, name):
    def compile_junction(list arguments, str flag):
        if len(arguments) < 2:
            raise RuleError(f"({name} ...) wants at least 2 conditions, not {len(arguments)}")
        cdef Junction rule = kind.__new__(kind)
        rule.rules = tuple([compiled(argument, flag) for argument in arguments])
        return rule
    return compile_junction


def compile_not(list arguments, str flag):
    count("not", arguments, 1)
    cdef Not rule = Not.__new__(Not)
    rule.rule = compiled(arguments[0], flag)
    return rule


def comparison(name, operation):
    def compile_comparison(list arguments, str flag):
        count(name, arguments, 2)
        cdef Comparison rule = Comparison.__new__(Comparison)
        rule.left, rule.right = operand_of(arguments[0]), operand_of(arguments[1])
        rule.operation = operation
        rule.reading = reading_beside(rule.left.literal)
        if rule.reading is as_text:
            rule.reading = reading_beside(rule.right.literal)
        return rule
    return compile_comparison


def part(name, where):
    def compile_part(list arguments, str flag):
        count(name, arguments, 2)
        cdef Part rule = Part.__new__(Part)
        rule.whole, rule.part = text_operand(name, arguments[0]), text_operand(name, arguments[1])
        rule.where = where
        return rule
    return compile_part


def compile_in(list arguments, str flag):
    count("in", arguments, 2)
    if type(arguments[1]) is not list:
        refuse_unknown(arguments[1])
        raise RuleError(f"(in ...) wants a list of constants, not {shown(arguments[1])}")
    cdef In rule = In.__new__(In)
    rule.operand = operand_of(arguments[0])
    literals = [literal(element) for element in arguments[1]]
    rule.texts = frozenset([value for value in literals if type(value) is str])
    rule.booleans = frozenset([value for value in literals if type(value) is bool])
    rule.numbers = frozenset([value for value in literals if type(value) in (int, float)])
    rule.instants = frozenset(
        [value.epoch_seconds for value in literals if type(value) is Timestamp]
    )
    return rule


def compile_matches(list arguments, str flag):
    named = named_arguments("matches", arguments, ("in", "pattern"), ())
    pattern = named["pattern"]
    if type(pattern) is not str:
        raise RuleError(f"(matches ...) wants a text as pattern, not {shown(pattern)}")
    try:
        import re2  # loaded by the first document that has a pattern: it is large
    except ImportError as fault:
        raise RuleError(f"(matches ...) needs google-re2: {fault}") from None
    options = re2.Options()
    options.log_errors = False
    cdef Matches rule = Matches.__new__(Matches)
    rule.operand = text_operand("matches", named["in"])
    try:
        rule.search = re2.compile(pattern, options).search
    except re2.error as fault:
        said = fault.args[0] if fault.args else fault
        said = said.decode("utf-8", "replace") if type(said) is bytes else said
        raise RuleError(f"(matches ...): RE2 refuses the pattern {pattern!r}: {said}") from None
    return rule


def compile_exists(list arguments, str flag):
    key = named_arguments("exists", arguments, ("key",), ())["key"]
    if type(key) is not str or not key:
        raise RuleError(f"(exists ...) wants the name of a key as a text, not {shown(key)}")
    cdef Exists rule = Exists.__new__(Exists)
    rule.key = key
    return rule


def compile_split(list arguments, str flag):
    named = named_arguments("split", arguments, ("pct", "by"), ("seed",))
    percentage, seed = named["pct"], named.get("seed", flag)
    if type(percentage) not in (int, float) or not 0 <= percentage <= 100:
        raise RuleError(f"(split ...) wants 0 to 100 as pct, not {shown(percentage)}")
    if type(seed) is not str:
        raise RuleError(f"(split ...) wants a text as seed, not {shown(seed)}")
    cdef Split rule = Split.__new__(Split)
    rule.operand = text_operand("split", named["by"])
    rule.percentage = percentage
    rule.seed = seed
    return rule


COMPILERS = {
    "and": junction(All, "and"),
    "or": junction(Any, "or"),
    "not": compile_not,
    **{name: comparison(name, operation) for name, operation in OPERATIONS.items()},
    "begins_with": part("begins_with", c'b'),
    "ends_with": part("ends_with", c'e'),
    "contains": part("contains", c'c'),
    "in": compile_in,
    "matches": compile_matches,
    "exists": compile_exists,
    "split": compile_split,
}


# ---------------------------------------------------------------- parts of an expression

cdef Operand operand_of(object node):
    """`$name`, or a literal."""
    cdef Operand operand = Operand.__new__(Operand)
    if type(node) is Symbol:
        if not node.startswith("$") or len(node) == 1:
            raise RuleError(f"{node} is no value; a variable of the context begins with $")
        operand.key = str(node)[1:]
    else:
        operand.literal = literal(node)
    return operand


cdef Operand text_operand(str name, object node):
    cdef Operand operand = operand_of(node)
    if operand.key is None and type(operand.literal) is not str:
        raise RuleError(f"({name} ...) wants texts, not {shown(node)}")
    return operand


cdef object literal(object node):
    if type(node) in (str, int, float, bool, Timestamp):
        return node
    refuse_unknown(node)
    raise RuleError(f"{shown(node)} is neither a text, a number, a boolean nor a timestamp")


cdef int refuse_unknown(object node) except -1:
    if type(node) is UnknownSymbol:
        raise UnknownSymbolError(f"the symbol {node!r} is not known")
    return 0


cdef int count(str name, list arguments, Py_ssize_t wanted) except -1:
    if len(arguments) != wanted:
        raise RuleError(f"({name} ...) wants {wanted} arguments, not {len(arguments)}")
    return 0


cdef dict named_arguments(str operator, list arguments, tuple needed, tuple optional):
    """Values by name, from `name::value`, in any order."""
    named = {}
    for argument in arguments:
        if type(argument) is not Annotated or len(argument.annotations) != 1:
            refuse_unknown(argument)
            raise RuleError(f"({operator} ...) wants name::value, not {shown(argument)}")
        name = argument.annotations[0]
        refuse_unknown(name)
        refuse_unknown(argument.value)
        if name not in needed + optional or name in named:
            raise RuleError(f"({operator} ...): {name}:: is not known here, or there twice")
        named[str(name)] = argument.value
    for name in needed:
        if name not in named:
            raise RuleError(f"({operator} ...) lacks {name}::")
    return named


cdef str shown(object node):
    """A part of a rule as a message shows it."""
    text = "(...)" if type(node) is Sexp else repr(str(node) if type(node) is Symbol else node)
    return text if len(text) <= 80 else text[:77] + "..."


# ---------------------------------------------------------------- flags with variants

cdef class VariantFlag:
    cdef readonly tuple names       # of the variants; the last is the default
    cdef tuple rules                # one for each variant but the default
    cdef tuple values               # their JSON

    def __init__(self, tuple names not None, tuple rules not None, tuple values not None):
        assert len(names) == len(values) == len(rules) + 1
        self.names = names
        self.rules = rules
        self.values = values

    cdef Py_ssize_t chosen(self, dict context) except -1:
        cdef Rule rule
        cdef Py_ssize_t number = 0
        for rule in self.rules:
            if rule.holds_in(context):
                return number
            number += 1
        return number

    def choose(self, dict context not None):
        return self.names[self.chosen(context)]


cdef class VariantFlags:
    cdef dict flags     # name -> VariantFlag, or bytes where the flag has no variants
    cdef dict keys      # name -> the name as JSON

    def __init__(self, dict flags not None, dict keys not None):
        self.flags = flags
        self.keys = keys

    def __len__(self):
        return len(self.flags)

    def __getitem__(self, str name not None):
        return self.flags[name]

    def missing(self, tuple names not None):
        return [name for name in names if name not in self.flags]

    def varies(self, tuple names not None):
        for name in names or self.flags:
            if type(self.flags[name]) is VariantFlag:
                return True
        return False

    def evaluate(self, tuple names not None, dict context not None):
        if len(names) == 1:
            return self.value(names[0], context)
        wanted = frozenset(names) if names else None
        members = [
            <bytes>self.keys[name] + b":" + self.value(name, context)
            for name in self.flags
            if wanted is None or name in wanted
        ]
        return b"{" + b",".join(members) + b"}"

    cdef bytes value(self, str name, dict context):
        cdef object flag = self.flags[name]
        if type(flag) is bytes:
            return flag
        return (<VariantFlag>flag).values[(<VariantFlag>flag).chosen(context)]
