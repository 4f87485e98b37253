"""MQTT: each event is published to a topic with QoS 1; topic/status says "online" or "offline", by last will if need be."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from tracker.errors import MissingExtraError
from tracker.hooks.address import Destination
from tracker.hooks.channel import UndeliveredError

KEEPALIVE_S = 30
"""after half as long again without a sign of life the broker publishes the last will"""
RETRY_S = (1, 30)
"""seconds between attempts to connect, at first and at most"""
AT_LEAST_ONCE = 1
"""QoS"""


class MqttTopic:
    """Publishes to one topic. The client's own thread connects, and again whenever the connection is lost.

    Raises MissingExtraError without paho-mqtt.
    """

    most_at_once = 1

    def __init__(self, destination: Destination) -> None:
        mqtt = _library()
        self._topic, self._host, self._port = destination.topic, destination.host, destination.port
        self._client: Any = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        if destination.user is not None:
            self._client.username_pw_set(destination.user, destination.password)
        if destination.secure:
            self._client.tls_set()
        self._client.will_set(self._status, "offline", qos=AT_LEAST_ONCE, retain=True)
        self._client.reconnect_delay_set(*RETRY_S)
        self._client.on_connect, self._client.on_publish = self._connected, self._published
        self._reason = "no connection yet"
        self._waiting: tuple[Sequence[str], int] | None = None
        """lines that were handed to the client, which sends them again itself, and their number"""
        self._receipts: set[int] = set()
        self._came = threading.Condition()

    @property
    def _status(self) -> str:
        return f"{self._topic}/status"

    def _connected(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._reason = f"the broker says: {reason}" if reason.is_failure else "the connection is lost"
        if not reason.is_failure:
            client.publish(self._status, b"online", qos=AT_LEAST_ONCE, retain=True)

    def open(self) -> None:
        """Begin to connect."""
        self._client.connect_async(self._host, self._port, keepalive=KEEPALIVE_S)
        self._client.loop_start()

    def send(self, lines: Sequence[str], timeout_s: float) -> None:
        """Publish the line and wait for the broker's receipt."""
        if self._waiting is None or self._waiting[0] is not lines:
            if not self._client.is_connected():
                raise UndeliveredError(self._reason)
            self._waiting = lines, self._publish(self._topic, lines[0])
        if not self._has_receipt(self._waiting[1], timeout_s):
            raise UndeliveredError("no receipt in time" if self._client.is_connected() else self._reason)
        self._waiting = None

    def close(self, timeout_s: float) -> None:
        """Say "offline" and go; where that does not arrive, the last will says it."""
        if self._client.is_connected():
            self._has_receipt(self._publish(self._status, "offline", retain=True), timeout_s)
        self._client.disconnect()
        self._client.loop_stop()

    def _publish(self, topic: str, text: str, *, retain: bool = False) -> int:
        with self._came:
            self._receipts.clear()  # of "online", which nobody waits for
        return int(self._client.publish(topic, text.encode(), qos=AT_LEAST_ONCE, retain=retain).mid)

    def _published(self, client: Any, userdata: Any, number: int, reason: Any, properties: Any) -> None:
        with self._came:
            self._receipts.add(number)
            self._came.notify_all()

    def _has_receipt(self, number: int, timeout_s: float) -> bool:
        with self._came:
            return self._came.wait_for(lambda: number in self._receipts, timeout_s)


def _library() -> Any:
    try:
        import paho.mqtt.client as mqtt

        _ = mqtt.CallbackAPIVersion  # 1.x has none
    except (ImportError, AttributeError):
        raise MissingExtraError("MQTT needs paho-mqtt 2; install it: pip install 'rnnem-tracker[mqtt]'") from None
    return mqtt
