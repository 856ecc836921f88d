import pytest
from page_tables import put_table, with_table

from summdiff.errors import DataError


def test_only_what_is_between_the_marks_changes(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n<!-- a: begin -->\nold\n<!-- a: end -->\n\nText.\n<!-- b: begin --><!-- b: end -->\n")
    put_table(page, "a", "| x |\n|---|\n| 1 |\n")
    put_table(page, "b", "ß")
    assert page.read_text(encoding="utf-8") == (
        "# Title\n\n<!-- a: begin -->\n\n| x |\n|---|\n| 1 |\n\n<!-- a: end -->\n\nText.\n"
        "<!-- b: begin -->\n\nß\n\n<!-- b: end -->\n"
    )
    text = page.read_text(encoding="utf-8")
    assert with_table(text, "b", "ß", page) == text


@pytest.mark.parametrize("text", ["no marks", "<!-- a: begin -->", "<!-- a: end --> <!-- a: begin -->"])
def test_a_page_without_the_marks_is_left_as_it_is(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(DataError, match=r"page.md' needs the lines '<!-- a: begin -->' and '<!-- a: end -->'"):
        put_table(page, "a", "x")
    assert page.read_text() == text


def test_a_page_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.md' cannot be read"):
        put_table(tmp_path / "none.md", "a", "x")
