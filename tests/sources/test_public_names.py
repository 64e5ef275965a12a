"""What a plug-in imports: every public name of `headcount.sources` exists and is in the library reference."""

from headcount import sources
from support import ROOT


def test_every_public_name_exists_and_is_documented():
    page = (ROOT / "docs/reference/library.md").read_text().partition("## Writing a source")[2]
    for name in sources.__all__:
        assert hasattr(sources, name)
        assert name in page
