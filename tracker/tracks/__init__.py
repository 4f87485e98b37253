"""Blobs to identities: a motion model says where a track should be, an assignment says which region it is."""

from tracker.tracks.linker import Linker, LinkerSettings

__all__ = ["Linker", "LinkerSettings"]
