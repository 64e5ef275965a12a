"""Everything that a user reads is plain English: docs, texts of the dashboard, messages, help and log events."""

import pytest

from support.prose import ALLOWED, ROOT, all_files, problems_of


@pytest.mark.parametrize("path", all_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_no_banned_words_and_no_long_sentences(path):
    assert [str(problem) for problem in problems_of(path)] == []


def test_the_lint_reports_banned_words_and_long_sentences(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"Headcount tells us.\n\nA {'long ' * 40}sentence.\n")
    assert [problem.line for problem in problems_of(page)] == [1, 1, 3]


def test_the_lint_accepts_code_and_allowed_phrases(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("".join(f"Run `tell us`. {phrase}.\n\n" for phrase in ALLOWED))
    assert list(problems_of(page)) == []


@pytest.mark.parametrize("phrase", ALLOWED)
def test_an_allowed_phrase_occurs_somewhere_and_has_a_reason(phrase):
    assert ALLOWED[phrase]
    assert any(phrase.lower() in " ".join(path.read_text().lower().split()) for path in all_files())
