"""Files by address: on this machine, on a network drive or in an object store, all read and written alike.

    clips/a.mp4   file:///data/a.mp4   s3://bucket/clips/a.mp4   gs://bucket/clips/a.mp4   memory://clips/a.mp4

Stores are reached by fsspec (extra `remote`), which takes credentials from where the store's own programs do: the environment,
a profile, the machine's role. What lies on this machine needs no extra. Reading raises SourceError, writing SinkError.
"""

from tracker.addresses.inputs import input_digest
from tracker.addresses.listed import listing
from tracker.addresses.names import is_address, is_local, joined, local_path, name_of
from tracker.addresses.reading import FileIdentity, exists, identity, local_copy, read_bytes
from tracker.addresses.writing import put_file, put_folder, remove, write_whole

__all__ = [
    "FileIdentity",
    "exists",
    "identity",
    "input_digest",
    "is_address",
    "is_local",
    "joined",
    "listing",
    "local_copy",
    "local_path",
    "name_of",
    "put_file",
    "put_folder",
    "read_bytes",
    "remove",
    "write_whole",
]
