"""The report of ``check`` as one HTML file that needs nothing else: no network, no script, no font.

Imported only when it is asked for: the template engine and the plots take half a second.
"""

from apelschema.report.html.page import to_html

__all__ = ["to_html"]
