"""What a run wrote, read again, and written in forms that other programs read."""

from tracker.exports.annotations import coco_document
from tracker.exports.table import Table, empty_table, read_table, table_of

__all__ = ["Table", "coco_document", "empty_table", "read_table", "table_of"]
