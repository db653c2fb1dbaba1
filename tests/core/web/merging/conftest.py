"""The browsers of the record tests."""

from tests.core.web.record.conftest import browse, contexts

__all__ = ["browse", "contexts"]
