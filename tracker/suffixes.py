"""What names of files end in."""

FILM_SUFFIXES = (
    ".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".ts", ".m2ts", ".mts", ".flv", ".3gp",
    ".asf", ".dav", ".gif", ".h264", ".264", ".h265", ".265", ".hevc", ".mjpeg", ".mjpg", ".mxf", ".ogv", ".vob", ".y4m",
)  # fmt: skip
"""Endings of names that are videos."""

OVERLAY = ".tracked.mp4"
"""Behind the name of a source: its overlay, where nobody gives another."""
