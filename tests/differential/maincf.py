#!/usr/bin/python3
"""Compares libcommon/maincf.c and libcommon/edit.c with postconf(1).

usage: maincf.py [--count N] [--seed N] [--only read|edit] [--jobs N] BINDIR

BINDIR holds the drivers maincfcat and maincfedit.  Every generated main.cf is
read, looked up and edited by both sides; values, errors and bytes must agree.
"""

import argparse
import collections
import concurrent.futures
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

POSTCONF = "/usr/sbin/postconf"
ERR_SYNTAX, ERR_LIMIT, ERR_UNKNOWN, ERR_NOTFOUND = 2, 3, 4, 5

BUILTIN = [b"multi_instance_name", b"multi_instance_group", b"queue_directory",
           b"data_directory", b"multi_instance_wrapper", b"mail_owner"]
CLASSES = b"smtpd_restriction_classes"
USER = [b"a", b"b", b"c", b"dd", b"e_1", b"F9", b"_g", b"hh_h"]
ODD = [b"foo-bar", b"x.y", b"\xe9t\xe9", b"a+b", b"z#z", b"{k}", b"$q"]
UNSET = [b"nosuch", b"u1"]
RELEASES = [b"3", b"3.0", b"3.6", b"3.10", b"3.6.1", b"2.11.0", b"0"]
OPERATORS = [b"==", b"!=", b"<", b"<=", b">=", b">"]
WORDS = [b"one", b"two", b"10", b"9", b"007", b"7", b"0", b"x", b"/var/spool",
         b"a,b", b"#no", b"=", b"\xc3\xa9", b"\xff", b"'q'", b"\\", b"?", b":",
         b"99999999999999999999", b"9223372036854775807", b"true", b"-1",
         b"{", b"}", b"(", b")", b"\x01"]
PLAIN = [w for w in WORDS if w not in
         (b"{", b"}", b"(", b")", b"?", b":", b"99999999999999999999")]
BROKEN = [b"$", b"${", b"$(", b"${}", b"$()", b"${a b}", b"${a-}", b"$-",
          b"${a?{b}c}", b"${a?{b}:{c}d}", b"${a:{b}c}", b"${{a}=={b}",
          b"${{a}=={b}x}", b"${{a}=>{b}}", b"${{a}=={b}?{c}:{d}e}",
          b"${{a}?{b}}", b"${{a} b {c}}", b"${{a}==b}", b"${{a}}",
          b"${{a}==foo{b}}", b"${{a}== level{b}}", b"${a?{b}", b"$ {a}",
          b"${ a }", b"${ }", b"${a\t?b}", b"${?b}", b"${:b}", b"$(a}", b"${a)",
          b"${{a} === {b}}", b"${{a} !! {b}}", b"${{99999999999999999999} < {1}}"]
SPACE = [b" ", b" ", b" ", b"\t", b"  ", b" \t ", b"\r", b"\v", b"\f", b" \r"]
GAPS = [b"", b"", b"", b"# note\n", b"\n", b"  \n", b"  # indented\n", b"#\n",
        b"#a = 1\n\n#b\n", b"\t\r\n", b"\v\n", b"#${ \x00\n"]


class Corpus:
    """One main.cf; closed means: it refers to nothing it doesn't set."""

    def __init__(self, rng):
        self.rng = rng
        self.closed = rng.random() < 0.6
        self.broken = 0.0 if rng.random() < 0.7 else 0.1
        self.loops = rng.random() < 0.03
        self.level = rng.random() < 0.03
        self.name = "generated"
        self.order = rng.sample(BUILTIN, rng.randint(1, 4)) + \
            rng.sample(USER, rng.randint(0, len(USER)))
        self.names = list(self.order)
        self.data = self.file()
        self.closed = self.closed and not self.level
        if rng.random() < 0.12:
            self.mutate()
            self.closed = False

    def word(self):
        # A lone bracket or ? would make this file fail rather often.
        r = self.rng
        return r.choice(WORDS if r.random() < 0.1 else PLAIN)

    def space(self):
        return self.rng.choice(SPACE) if self.rng.random() < 0.5 else b""

    def target(self, i):
        if self.loops and self.rng.random() < 0.3:
            return self.rng.choice(self.order)
        if not self.closed and self.rng.random() < 0.15:
            return self.rng.choice(UNSET + [b"data_directory"])
        later = self.order[i + 1:]
        return self.rng.choice(later) if later else None

    def reference(self, i, depth):
        r, name = self.rng, self.target(i)
        if name is None:
            return self.word()
        kind = r.randrange(13)
        text = lambda: self.value(i, depth + 1)
        if kind < 4:
            return r.choice([b"$%s", b"${%s}", b"$(%s)", b"${ %s\t}"]) % name
        if kind == 4:
            return b"${%s?%s}" % (name, text())
        if kind == 5:
            return b"${%s:%s}" % (name, text())
        if kind == 6:
            return b"${%s%s?%s{%s}%s:%s{%s}%s}" % (
                name, self.space(), self.space(), text(), self.space(),
                self.space(), text(), self.space())
        if kind == 7:
            return b"${%s?{%s}}" % (name, text())
        if kind == 8:
            return b"${%s:{%s}}" % (name, text())
        if kind == 9:
            return b"${%s?{%s}:%s}" % (name, text(), text())
        op = r.choice(OPERATORS)
        if self.level:
            op += b"level"
        left, right = text(), text()
        if self.level and r.random() < 0.8:
            left, right = r.choice(RELEASES), r.choice(RELEASES)
        if r.random() < 0.3:
            right = left
        head = b"{%s}%s%s%s{%s}" % (left, self.space(), op, self.space(), right)
        tail = r.choice([b"", b"?{%s}:{%s}", b" ? {%s} : {%s}", b"?%s %s",
                         b":{%s %s}", b"?{%s}:%s"])
        if tail:
            tail %= (text(), text())
        if r.random() < 0.2:
            return b"$(%s%s)" % (head, tail)
        return b"${%s%s}" % (head, tail)

    def value(self, i, depth=0):
        r, out = self.rng, b""
        for _ in range(r.choice([0, 1, 1, 1, 2, 3] if depth else
                                [0, 1, 1, 2, 3, 4])):
            if depth < 4 and r.random() < 0.45:
                piece = self.reference(i, depth)
            elif r.random() < self.broken:
                piece = r.choice(BROKEN)
                self.closed = False
            elif r.random() < 0.08:
                piece = r.choice([b"$$", b"$$a", b"$${a}", b"$$$$"])
            else:
                piece = self.word()
            # Else $a and bc would be $abc, which is not set.
            if re.search(rb"\$\w+$", out) and re.match(rb"\w", piece):
                out += b"-"
            out += piece + self.space()
        return out

    def fold(self, text):
        """Continues the setting on the next line at some of its spaces."""
        r, out = self.rng, b""
        for part in re.split(rb"([ \t]+)", text):
            if part[:1] in (b" ", b"\t") and r.random() < 0.2:
                out += r.choice([b"\n", b"\n", b"\r\n", b" \n"])
                for _ in range(r.randint(0, 2)):
                    out += r.choice(GAPS)
            elif part and out and r.random() < 0.02:
                out += b"\n" + r.choice(GAPS) + r.choice([b" ", b"\t", b"\v"])
            out += part
        return out

    def setting(self, name, i):
        r = self.rng
        text = name + r.choice([b"", b" ", b" ", b" ", b"\t", b" \t "]) + b"=" \
            + self.space() + self.value(i)
        return (self.fold(text) if r.random() < 0.5 else text) + \
            r.choice([b"", b"", b"", b" ", b"\r"]) + b"\n"

    def file(self):
        r, parts = self.rng, []
        for i, name in enumerate(self.order):
            parts.append(self.setting(name, i))
            if r.random() < 0.15:
                parts.append(self.setting(name, i))
        for name in r.sample(ODD, r.choice([0, 0, 1, 2])):
            parts.append(name + b" = %s\n" % self.word())
        r.shuffle(parts)
        # Makes postconf know the other names as user-defined parameters.
        parts.append(CLASSES + b" = %s\n" % b" ".join(USER))
        out = b""
        if r.random() < 0.05:
            out = r.choice([b"  lost = 1\n", b" \n", b"\t#c\n", b"\n\n",
                            b"  lost = 1\n  more\n#\n also\n"])
        for part in parts:
            for _ in range(r.choice([0, 0, 0, 1, 2])):
                out += r.choice(GAPS)
            out += part
        if r.random() < 0.03:
            out += r.choice([b"garbage\n", b"= x\n", b"a b = c\n", b"\x00\n",
                             b"a\x00 = c\n", b"\xff\n", b"==\n", b"x" * 5000 +
                             b"\n", b"a\n# x\n\n b = c\n"])
        if r.random() < 0.02:
            out += b"a = " + b"long $$ words " * 20000 + b"\n"
        if r.random() < 0.15:
            out = out[:-1]
        return out

    def mutate(self):
        r, data = self.rng, bytearray(self.data)
        for _ in range(r.choice([1, 1, 2, 5])):
            at = r.randrange(len(data) + 1)
            if r.random() < 0.5 and at < len(data):
                del data[at]
            else:
                data[at:at] = r.choice(
                    [b"$", b"{", b"}", b"(", b")", b"?", b":", b"=", b"<", b"#",
                     b" ", b"\t", b"\r", b"\n", b"\0", b"\xff", b"\v", b"\n ",
                     b"\n#\n", b"a", b"$a", b"${", b"$("])
        self.data = bytes(data)


class Fixed:
    """A case written by hand: found by experiment, or once wrong."""

    def __init__(self, name, data):
        self.name, self.data = name, data
        self.closed, self.names = False, BUILTIN[:2] + USER


def chain(n, last=b"1"):
    return b"multi_instance_name = $a0\n" + b"".join(
        b"a%d = $a%d\n" % (i, i + 1) for i in range(n)) + b"a%d = %s" % (n, last)


M = b"multi_instance_name = "
# name, bytes: the name is what a failure is told by.
FIXED = [Fixed(name, data) for name, data in [
    ("an empty file", b""),
    ("one empty line", b"\n"),
    ("a comment, no last newline", b"#"),
    ("a comment", b"#\n"),
    ("a blank", b" "),
    ("a word, no last newline", b"x"),
    ("a word", b"x\n"),
    ("no name", b"= 1"),
    ("a blank and no name", b" = 1"),
    ("a NUL", b"\0"),
    ("no value, no last newline", b"a="),
    ("no last newline", M + b"x"),
    ("continued over comments and empty lines",
     M + b"a\n# c\n\n  b\n\n c"),
    ("continued by a vertical tab", M + b"a\n\vb\fc\n"),
    ("an empty value", M),
    ("an empty value and empty lines", M + b"\n\n"),
    ("the = after a comment", b"multi_instance_name\n #\n = a\n"),
    ("the = after a comment and an empty line",
     b"multi_instance_name\n#x\n\n\t= a\n"),
    ("a continuation of nothing", b"  lost\n" + M + b"a"),
    ("a continuation of a comment",
     b"#c\n  lost\n\n more\n" + M + b"a"),
    ("a continuation of nothing, then a NUL",
     b"  lost\n\0bla\n" + M + b"a"),
    ("a NUL in a value", M + b"x\0y\n z\n"),
    ("a NUL in a comment", M + b"x\n# \0\n z\n"),
    ("a NUL before #", M + b"x\n \0# \n z\n"),
    ("a NUL in a continuation", M + b"x\n y  \n  \0 z\n"),
    ("a NUL in a continuation of nothing", b" \0x#\n z\n" + M + b"y"),
    ("a NUL after a name", b"multi_instance_name\0 = a\n"),
    ("a NUL before the =", b"multi_instance_name\n\0 = a\n"),
    ("$ at the end", M + b"$"),
    ("$$ at the end", M + b"$$"),
    ("$$$ at the end", M + b"$$$"),
    ("$ and a blank", M + b"a $ b"),
    ("${ at the end", M + b"${"),
    ("${ }", M + b"${ }"),
    ("a line end after $", M + b"$\n a"),
    ("a line end between $ and {", M + b"$\n  {a}"),
    ("line ends in ${a}", M + b"${\n a\n }\na=1"),
    ("a line end after $a", M + b"$a\n b\na=1"),
    ("line ends in ${a?{b}:{c}}",
     M + b"${a?\n {b}\n :\n {c}\n }\na=1"),
    ("line ends in a comparison",
     M + b"${{1}\n ==\n {1}\n ?\n {y}}"),
    ("a comment in a comparison", M + b"${{1}\n#c\n <=\n\n {1}}"),
    ("a line end in an operand",
     M + b"${{a\n b} == {a b} ? {y} : {n}}"),
    ("two blanks in an operand", M + b"${{a  b} == {a b} ? {y} : {n}}"),
    ("a blank before an operand", M + b"${{ a} == {a} ? {y} : {n}}"),
    ("07 == 7", M + b"${{07} == {7} ? {y} : {n}}"),
    ("10 > 9", M + b"${{10} > {9} ? {y} : {n}}"),
    ("10 > 9x", M + b"${{10} > {9x} ? {y} : {n}}"),
    ("two empty operands", M + b"${{} == {} ? {y} : {n}}"),
    ("an empty operand < 0", M + b"${{} < {0} ? {y} : {n}}"),
    ("an operand of byte 0xff", M + b"${{\xff} > {a} ? {y} : {n}}"),
    ("the largest number", M + b"${{9223372036854775807} > {0}}"),
    ("a number too large", M + b"${{9223372036854775808} > {0}}"),
    ("itself in an operand",
     M + b"${{$multi_instance_name} == {a}}"),
    ("itself", M + b"$multi_instance_name"),
    ("another that is itself", b"a = $a\n" + M + b"x"),
    ("itself in a branch not taken",
     M + b"${a:{$b}}\na =\nb = $a$a"),
    ("set twice, then empty", M + b"x\n" + M),
    ("malformed, then set again", M + b"$\n" + M + b"b"),
    ("set, then malformed", M + b"b\n" + M + b"$"),
    ("malformed in the branch taken", M + b"x ${a?{$}:{y}}\na=1"),
    ("malformed in the branch not taken", M + b"x ${a?{y}:{$}}\na=1"),
    ("$ after the branches", M + b"x ${a?{y}:{z}$}\na=1"),
    ("bytes that are no UTF-8", M + b"\xff\xe9 $a\na=\xe9"),
    ("a?b:c of something set", M + b"${a?b:c}\na=1"),
    ("a?b:c of something empty", M + b"${a?b:c}\na="),
    ("a:b?c of something empty", M + b"${a:b?c}\na="),
    ("a blank after ?", M + b"${a? b}\na=1"),
    ("two ?", M + b"${a??b}\na=1"),
    ("brackets of two kinds", M + b"$(a?{)})\na=1"),
    ("a comparison in ()", M + b"$({1}=={1}?{y}:{n})"),
    ("a bracket open in a branch", M + b"${a?{$(b}:{)}}\na=1"),
    ("a backslash before a line end", M + b"a\\\nb = 1"),
    ("names that daemons set",
     M + b"$process_name $service_name\nprocess_name=a\nservice_name=b"),
    ("CRLF", M + b"a\r\n b\r\n\r\n#\r\n c\r\n"),
    ("<level", M + b"${{1} <level {2} ? {a} : {b}}"),
    ("==level", M + b"${{1}==level{2.x}}"),
    ("no level's space", M + b"${{ 1 }==level{1}}"),
    ("no level's length", M + b"${{1.2.3.4}==level{1}}"),
    ("a level's number of four digits", M + b"${{1.1000}==level{2}}"),
    ("a level's last dot", M + b"${{1.}==level{1}}"),
    ("the level", M + b"${{$compatibility_level} >=level {3.6} ? {y} : {n}}\n"
     b"compatibility_level = 3.6"),
    ("==xx", M + b"${{1} ==xx {2}}"),
    ("a blank in a name", b"foo bar = 1\n" + M),
] + [("a chain of %d references" % n, chain(n)) for n in (98, 99, 100)]
  + [("%s %slevel %s" % (a.decode(), op.decode(), b.decode()),
      M + b"${{%s} %slevel {%s} ? {y} : {n}}" % (a, op, b))
     for op in OPERATORS for a in RELEASES for b in RELEASES]
  + [("a chain of %d references, empty at the end" % n, chain(n, b""))
     for n in (99, 100, 101, 102)]
  + [("%d branches in one another" % n,
      M + b"${x:{" * n + b"a" + b"}}" * n + b"\nx=")
     for n in (99, 100, 101, 102)]
  + [("%d comparisons in one another" % n,
      M + b"${{" * n + b"a" + b"} == {a}}" * n) for n in (1, 2, 5, 40)]]


# What can't be compared: not counted as passed.
SKIPS = {
    "refused, native unsure": "postconf refuses a file of which native "
                              "reading says that only postconf can know",
    "postconf endless": "postconf expands for ages what refers to itself, "
                        "native reading refuses it",
}


class Endless(Exception):
    """postconf expands parameters that refer to themselves for ages."""


def run(*argv, timeout=60):
    return subprocess.run(argv, capture_output=True, timeout=timeout)


def store(directory, data):
    path = os.path.join(directory, "main.cf")
    with open(path, "wb") as f:
        f.write(data)
    os.utime(path, (1e9, 1e9))
    return path


class Test:
    def __init__(self, bindir, tmp, defaults):
        self.cat = os.path.join(bindir, "maincfcat")
        self.editor = os.path.join(bindir, "maincfedit")
        self.tmp, self.count = tmp, collections.Counter()
        self.defaults = defaults

    # --- reading ---------------------------------------------------------

    def postconf(self, directory, names, *options):
        """The values, or None where postconf is fatal (or crashes)."""
        try:
            p = run(POSTCONF, *options, "-c", directory, *names, timeout=10)
        except subprocess.TimeoutExpired:
            raise Endless from None
        if p.returncode != 0:
            return None
        values = {}
        for line in p.stdout.split(b"\n"):
            name, eq, value = line.partition(b" =")
            if eq:
                values[name] = value[1:]
        return values

    def native(self, path, directory, names):
        """The file's error or None, and {(name, how): value or error}."""
        argv = [self.cat, "-d", b"config_directory=" + os.fsencode(directory)]
        for name in self.defaults:
            argv += ["-d", name + b"=" + self.defaults[name]]
        p = run(*argv, path, *names)
        if p.returncode > 1 or p.returncode < 0:
            raise RuntimeError("maincfcat: %r" % p.stderr)
        first, _, rest = p.stdout.partition(b"\n")
        if first.startswith(b"parse! "):
            return int(first.split()[1]), {}
        result = {}
        for line in rest.split(b"\n")[:-1]:
            name, how, value = line.split(b" ", 2)
            if how.endswith(b"!"):
                result[name, how[:-1]] = int(value.split()[0])
            else:
                result[name, how] = value
        return None, result

    def read(self, case, directory):
        """Returns what is wrong, or None."""
        path = store(directory, case.data)
        names = list(dict.fromkeys(BUILTIN + [CLASSES] + case.names))
        error, mine = self.native(path, directory, names)
        try:
            return self.compare(case, directory, names, error, mine)
        except Endless:
            self.count["postconf endless"] += 1
            if not {ERR_SYNTAX, ERR_LIMIT, ERR_UNKNOWN} & set(mine.values()):
                return "postconf doesn't finish, native sees nothing wrong"
            return None

    def compare(self, case, directory, names, error, mine):
        raw = self.postconf(directory, names)
        if error is not None:
            self.count["files refused: error %d" % error] += 1
            if raw is not None:
                return "native: error %d, postconf accepts the file" % error
            return None if error == ERR_SYNTAX else "error %d" % error
        # postconf refuses a file when any built-in parameter is malformed.
        bad = [n for n in BUILTIN + [CLASSES] if mine[n, b"expand"] == ERR_SYNTAX]
        unsure = [n for n in BUILTIN + [CLASSES]
                  if mine[n, b"expand"] in (ERR_UNKNOWN, ERR_LIMIT)]
        if raw is None:
            if bad:
                self.count["refused"] += 1
                return None
            if unsure:
                self.count["refused, native unsure"] += 1
                return None
            return "postconf refuses the file, native doesn't"
        if bad:
            return "native: %r is malformed, postconf accepts it" % bad
        for name in names:
            value = mine[name, b"raw"]
            if value == ERR_NOTFOUND:
                if name in raw and raw[name] != self.defaults.get(name):
                    return "%r: raw: not set, but %r" % (name, raw[name])
            elif name in raw and value != raw[name]:
                return "%r: raw: %r is not %r" % (name, value, raw[name])
        return self.expanded(case, directory, names, mine)

    def expanded(self, case, directory, names, mine):
        full = self.postconf(directory, names, "-x")
        for name in names:
            value = mine[name, b"expand"]
            if value in (ERR_UNKNOWN, ERR_LIMIT):
                self.count["unknown" if value == ERR_UNKNOWN else "limit"] += 1
                if case.closed:
                    return "%r: error %d, but the file sets all it refers to" \
                        % (name, value)
                continue
            known = full
            if full is None:
                # One of the user-defined parameters is malformed: which?
                known = self.postconf(directory, [name], "-x")
            if known is None:
                if value != ERR_SYNTAX:
                    return "%r: %r, but postconf refuses it" % (name, value)
            elif name not in known:
                if value != ERR_NOTFOUND:
                    self.count["not asked"] += 1
                continue
            elif value != known[name]:
                return "%r: %r is not %r" % (name, value, known[name])
            self.count["answered"] += 1
            self.count["answered in closed files"] += case.closed
        return None

    # --- editing ---------------------------------------------------------

    def edits(self, case, rng):
        names = rng.sample(case.names + [b"new1", b"new2", b"multi_instance_wrapper"],
                           rng.randint(1, 4))
        names = [n for n in dict.fromkeys(names)]
        setting, removing = [], []
        for name in names:
            if rng.random() < 0.3:
                removing.append(name)
                continue
            value = rng.choice([b"", b"v", b" v  w\t", b"$a ${b}", b"\xff#",
                                b"\v=x", b"y" * 3000, b"#", b"\r"])
            setting.append((name, value))
        return setting, removing

    def edit(self, case, directory, rng):
        setting, removing = self.edits(case, rng)
        data = case.data
        if rng.random() < 0.9:
            data = data.replace(b"\0", b"")
        if data.endswith(b"\xff"):
            # postconf takes this for the end of file and loses the line.
            data += b"\n"
        path = store(directory, data)
        argv = [n + b"=" + v for n, v in setting]
        for name in removing:
            argv += [b"-#", name]
        p = run(self.editor, path, *argv)
        if b"\0" in data:
            # postconf drops the rest of the line; we refuse.
            self.count["edit: NUL refused"] += 1
            return None if p.returncode == ERR_SYNTAX else "edit: NUL accepted"
        if p.returncode != 0:
            return "edit %r: %r" % (argv, p.stderr)
        if removing:
            run(POSTCONF, "-c", directory, "-#", *removing)
            os.utime(path, (1e9, 1e9))
        with open(path, "rb") as f:
            before = f.read()
        keys = {re.split(rb"[ \t\r\n=]", line)[0]
                for line in before.split(b"\n")}
        added = [b"%s = %s\n" % (n, v.strip(b" \t\r\n\v\f"))
                 for n, v in setting if n not in keys]
        if added and before and not before.endswith(b"\n"):
            # Postfix 3.7 glues the first to the last line; we don't.
            self.count["edit: newline added"] += 1
            store(directory, before + b"\n")
        if setting:
            q = run(POSTCONF, "-c", directory, "-e",
                    *[n + b"=" + v for n, v in setting])
            if q.returncode != 0:
                return "edit %r: postconf refuses: %r" % (argv, q.stderr)
        with open(path, "rb") as f:
            after = f.read()
        tail = b"".join(added)
        head = len(after) - len(tail)
        if p.stdout != after[:head] + tail or \
                sorted(after[head:].splitlines()) != sorted(tail.splitlines()):
            return "edit %r: %r is not %r" % (argv, p.stdout, after)
        self.count["edited"] += 1
        return None


def one(test, number, seed, only):
    directory = os.path.join(test.tmp, str(number))
    rng = random.Random("%d/%d" % (seed, number))
    case = FIXED[number] if number < len(FIXED) else Corpus(rng)
    os.mkdir(directory)
    open(os.path.join(directory, "master.cf"), "w").close()
    wrong = []
    if only != "edit":
        wrong.append(test.read(case, directory))
    if only != "read":
        wrong.append(test.edit(case, directory, rng))
    shutil.rmtree(directory)
    return number, case, [w for w in wrong if w is not None]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["read", "edit"])
    # A fatal postconf sleeps for a second: many at once cost nothing.
    parser.add_argument("--jobs", type=int, default=32)
    parser.add_argument("bindir", nargs="?", default=os.path.join(
        os.environ.get("BUILD", "build"), "tests"))
    args = parser.parse_args()

    tmp = tempfile.mkdtemp(prefix="maincf.")
    defaults = {}
    for line in run(POSTCONF, "-d", CLASSES, *BUILTIN).stdout.split(b"\n")[:-1]:
        name, _, value = line.partition(b" =")
        defaults[name] = value.strip()
    test = Test(args.bindir, tmp, defaults)
    passed = failed = 0
    try:
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for number, case, wrong in pool.map(
                    lambda n: one(test, n, args.seed, args.only),
                    range(len(FIXED) + args.count)):
                if wrong:
                    failed += 1
                    print("FAIL %d, %s: %s\n  %r" % (
                        number, case.name, "\n  ".join(wrong)[:2000],
                        case.data[:4000]))
                else:
                    passed += 1
                    if os.environ.get("VERBOSE") and number < len(FIXED):
                        print("ok %d, %s" % (number, case.name))
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
    count = test.count
    print("#: look-ups in files that set all they refer to: %d answered, "
          "0 unknown" % count["answered in closed files"])
    print("#: look-ups: %d answered, %d unknown, %d over a limit, %d postconf "
          "would not tell" % (count["answered"], count["unknown"],
                              count["limit"], count["not asked"]))
    for key in sorted((k for k in count if k not in (
            "answered", "answered in closed files", "unknown", "limit",
            "not asked", *SKIPS))):
        print("#: %s: %d" % (key, count[key]))
    # Files that all are refused, or look-ups that all are unsure, show nothing.
    if args.only is None and (count["answered"] < 2 * passed or
                              count["edited"] * 2 < passed):
        failed += 1
        print("FAIL: too few were compared")
    skipped = 0
    for key, reason in SKIPS.items():
        if count[key]:
            print("#skipped: %d %s" % (count[key], reason))
        skipped += count[key]
    print("%d passed, %d failed, %d skipped" % (passed - skipped, failed,
                                                skipped))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
