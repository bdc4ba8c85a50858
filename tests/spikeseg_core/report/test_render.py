import io

import pytest
from rich.console import Console

from spikeseg_core.report.document import Cell, Document, Picture, Section, Table
from spikeseg_core.report.render import (
    _html,
    environment,
    html,
    markdown,
    markdown_table,
    plain_rows,
    terminal,
)
from spikeseg_core.report.stated import BareNumberError, Name, Stated, say

TABLE = Table(["what", "value"], [["a | b", "3"], ["[red]c", None]])


def document(cell: Cell, stated: bool) -> Document:
    section = Section("title", answer=["a < b"], tables=[Table(["what"], [[cell]])])
    return Document("a title", "a subtitle", [section], notes=["a [note]"], stated=stated)


@pytest.mark.parametrize("write", [html, markdown])
def test_a_bare_number_cannot_be_rendered_if_figures_have_to_say_their_basis(write) -> None:  # type: ignore[no-untyped-def]
    assert "0.97" in write(document(Stated(0.97, "measured"), stated=True))
    assert "0.97" in write(document("0.97", stated=False))
    with pytest.raises(BareNumberError):
        write(document("0.97", stated=True))
    for stated in (True, False):
        with pytest.raises(BareNumberError):
            write(document(0.97, stated))  # type: ignore[arg-type]


def test_the_templates_gate_takes_no_number() -> None:
    gate = environment(_html, True)
    figure = Stated(0.97, "measured")
    assert "data-basis" in gate.from_string("{{ x }}").render(x=figure)
    assert gate.from_string("{{ x }}").render(x="a < b") == "a &lt; b"
    for source, value in (
        ("{{ x }}", 0.97),
        ("{{ x.value }}", figure),
        ("{{ x.digits }}", figure),
        ("{{ '%.2f' % x.value }}", figure),
        ("{{ x }}", "0.97"),
        ("{% for i in x %}{{ loop.index }}{% endfor %}", [figure]),
    ):
        with pytest.raises(BareNumberError):
            gate.from_string(source).render(x=value)


def test_a_users_text_cannot_become_markup() -> None:
    picture = Picture("data:image/png;base64,AA", say('a <b> & "c"'), ("measured",))
    section = Section("title", pictures=[picture])
    page = html(Document(Name("<script>"), "", [section]))
    assert 'alt="a &lt;b&gt; &amp; &quot;c&quot;"' in page
    assert "<script>" not in page


def test_a_cell_cannot_end_its_row() -> None:
    assert (
        markdown_table(TABLE) == "| what | value |\n| --- | --- |\n| a / b | 3 |\n| [red]c | – |\n"
    )
    assert "| a / b |" in markdown(document("a | b", stated=False))
    assert plain_rows(TABLE)[0] == {"what": "a | b", "value": "3"}


def test_the_terminal_shows_tables_under_their_titles_and_notes_as_they_are() -> None:
    console = Console(file=io.StringIO(), width=80)
    terminal(document("[red]c", stated=False), console)
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert "title" in written
    assert "[red]c" in written
    assert "note      a [note]" in written


def test_details_are_folded_in_the_page_and_left_out_of_the_text() -> None:
    inner = Section("the mesh", answer=["inside"])
    found = Document("a", "b", [Section("title", answer=["out"], details=[inner])], stated=False)
    page = html(found)
    assert page.index("<summary>the mesh</summary>") < page.index("<p>inside</p>")
    assert "<details open" not in page
    assert "inside" not in markdown(found)


def test_a_narrow_screen_gets_its_own_picture() -> None:
    picture = Picture("data:image/png;base64,AA", "c", narrow="data:image/png;base64,BB")
    page = html(Document("a", "b", [Section("title", pictures=[picture])], stated=False))
    assert '<source media="(max-width: 600px)" srcset="data:image/png;base64,BB">' in page
