"""Compiled texts: each once, for every thread, within bounds."""

from __future__ import annotations

import threading

from tests import TestCase
from volsched.exceptions import ExpressionError
from volsched.languages.expressions import Dialect, Expression, compile_expression, names
from volsched.languages.expressions.expression import Compiler


class TestCompiler(TestCase):
    def setUp(self) -> None:
        self.made: list[str] = []

    def compiler(self, size: int = 10) -> Compiler:
        """One that notes what it compiles."""

        def make(text: str, dialect: Dialect) -> Expression:
            self.made.append(text)
            return compile_expression(text, dialect)

        return Compiler(size, make)

    def test_each_text_is_compiled_once_a_dialect(self) -> None:
        compiler = self.compiler()
        first = compiler.compile("volume.size > 1", Dialect.STRICT)
        self.assertIs(first, compiler.compile("volume.size > 1", Dialect.STRICT))
        self.assertIsNot(first, compiler.compile("volume.size > 1", Dialect.CINDER))
        self.assertEqual(2, len(self.made))

    def test_a_wrong_text_is_compiled_once_and_fails_each_time_anew(self) -> None:
        compiler = self.compiler()
        errors = []
        for _ in range(3):
            with self.assertRaises(ExpressionError) as caught:
                compiler.compile("(1", Dialect.STRICT)
            errors.append(caught.exception)
        self.assertEqual(["(1"], self.made)
        self.assertEqual(3, len(set(map(id, errors))))
        self.assertEqual(1, len({str(error) for error in errors}))

    def test_the_longest_unused_is_forgotten(self) -> None:
        compiler = self.compiler(size=2)
        for text in ("1", "2", "1", "3", "1", "2"):
            compiler.compile(text, Dialect.STRICT)
        self.assertEqual(["1", "2", "3", "2"], self.made)

    def test_threads_get_the_same_one(self) -> None:
        compiler = self.compiler()
        found: list[Expression] = []
        barrier = threading.Barrier(8)

        def compile_it() -> None:
            barrier.wait()
            found.append(compiler.compile("volume.size + 1", Dialect.CINDER))

        threads = [threading.Thread(target=compile_it) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(1, len(set(map(id, found))))
        self.assertEqual(1, len(self.made))


class TestPublicNames(TestCase):
    def test_dialects(self) -> None:
        self.assertIs(Dialect.STRICT, compile_expression("1", "strict").dialect)
        with self.assertRaises(ValueError):
            compile_expression("1", "klingon")

    def test_names_are_those_that_are_evaluated(self) -> None:
        self.assertEqual(("stats.a", "stats.b", "stats.c"), names("(stats.c > 1) and (stats.b > 1) and stats.a"))
        self.assertEqual(("stats.b", "stats.c"), names("(stats.c > 1) and (stats.b > 1) and stats.a", "cinder"))
        self.assertEqual((), names("1 + 1"))
        with self.assertRaises(ExpressionError):
            names("1 +")
