"""How the tool's own tables are defined, in the user's database itself (DESIGN section 2, word *journal*)."""


def own_table(name: str, definitions: str) -> str:
    """CREATE TABLE where it is not there, from columns and keys; all times in such a table are UTC.

    It is written out in full, so that no default of the server changes it; the character set too, since a database
    in latin1 may have routines with comments in any script.
    """
    return (
        f"CREATE TABLE IF NOT EXISTS {name} (\n  {definitions.strip()}\n) ENGINE=InnoDB CHARACTER SET utf8mb4"
        " COLLATE utf8mb4_bin"
    )
