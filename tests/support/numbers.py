"""Error numbers of the server that tests expect, by what a user meets them as."""

from typing import Final

CANNOT_BE_NULL: Final = 1048
NOT_GROUPED_BY: Final = 1055
DUPLICATE_COLUMN: Final = 1060
DUPLICATE_ENTRY: Final = 1062
KEY_COLUMN_MISSING: Final = 1072
TWO_ROWS_FOR_ONE_NAME: Final = 1172
OUT_OF_RANGE: Final = 1264
DATA_TRUNCATED: Final = 1265
NO_SUCH_ROUTINE: Final = 1305
WRONG_ARGUMENT_COUNT: Final = 1318
NO_DEFAULT: Final = 1364
TOO_LONG: Final = 1406

AS_ON_MARIADB: Final = {1138: DATA_TRUNCATED}
"""What MySQL answers for a NULL that a key cannot take, and what MariaDB does."""
