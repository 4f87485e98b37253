"""Events at a real broker. Skipped where mosquitto or paho-mqtt is not installed."""

import json
import shutil
import socket
import subprocess
import threading

import pytest
from hook_parts import until

from tracker.hooks.address import read_destination
from tracker.hooks.delivery import Delivery

mqtt = pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed: pip install '.[mqtt]'")
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="no broker here: apt-get install mosquitto")


class Broker:
    """mosquitto on loopback; can be stopped and started on the same port."""

    def __init__(self, folder, *, login=False):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.config = folder / "mosquitto.conf"
        lines = [f"listener {self.port} 127.0.0.1", "user root", "persistence false"]
        if login:
            passwords = folder / "passwords"
            subprocess.run(["mosquitto_passwd", "-c", "-b", passwords, "cam", "p@ss"], check=True, capture_output=True)
            lines += [f"password_file {passwords}", "allow_anonymous false"]
        else:
            lines += ["allow_anonymous true"]
        self.config.write_text("\n".join(lines) + "\n")
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(
            [MOSQUITTO, "-c", self.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(self._listens)
        return self

    def _listens(self):
        assert self.process.poll() is None, "the broker has ended"
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)


class Subscriber:
    """Keeps all that is published below a topic."""

    def __init__(self, port, topic, login=None):
        self.got, subscribed = [], threading.Event()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        if login:
            self.client.username_pw_set(*login)
        self.client.on_message = lambda client, data, message: self.got.append(
            (message.topic, message.payload.decode())
        )
        self.client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self.client.on_subscribe = lambda *_: subscribed.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert subscribed.wait(20)

    def of(self, topic):
        return [text for name, text in self.got if name == topic]

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def delivery(address, said):
    from tracker.hooks.mqtt import MqttTopic

    made = Delivery(MqttTopic(read_destination(address)), "there", notify=said.append, backoff_s=(0.05, 0.2))
    made.start()
    return made


def test_events_are_published_and_the_status_says_online_and_offline(tmp_path):
    with Broker(tmp_path, login=True) as broker:
        watcher = Subscriber(broker.port, "cams/#", ("cam", "p@ss"))
        made = delivery(f"mqtt://cam:p%40ss@127.0.0.1:{broker.port}/cams/door", said := [])
        for n in range(20):
            made.put(json.dumps({"n": n}))
        made.close()
        until(lambda: watcher.of("cams/door/status")[-1:] == ["offline"])
        watcher.close()
    assert [json.loads(text)["n"] for text in watcher.of("cams/door")] == list(range(20))
    assert watcher.of("cams/door/status") == ["online", "offline"]
    assert (made.lost, [line for line in said if "lost" in line]) == (0, [])


def test_a_wrong_password_is_said_and_not_shown(tmp_path):
    with Broker(tmp_path, login=True) as broker:
        made = delivery(f"mqtt://cam:wrong-one@127.0.0.1:{broker.port}/a", said := [])
        made.put("{}")
        until(lambda: "authori" in made.trouble)
        made._close_s = 0.2
        made.close()
    assert "1 of 1 were lost" in said[-1]
    assert "wrong-one" not in " ".join(said)


def test_a_client_that_dies_leaves_its_last_will(tmp_path):
    with Broker(tmp_path) as broker:
        watcher = Subscriber(broker.port, "a/status")
        made = delivery(f"mqtt://127.0.0.1:{broker.port}/a", [])
        until(lambda: watcher.of("a/status") == ["online"])
        client = made._channel._client
        client.loop_stop()  # as if the program were gone: the connection is closed without a word
        client.socket().close()
        until(lambda: watcher.of("a/status") == ["online", "offline"])
        watcher.close()


def test_a_broker_that_restarts_gets_what_came_meanwhile(tmp_path):
    broker = Broker(tmp_path)
    with broker:
        made = delivery(f"mqtt://127.0.0.1:{broker.port}/a", [])
        made._channel._client.reconnect_delay_set(1, 1)
        made.put('{"n": 0}')
        until(lambda: made.sent == 1)
    for n in range(1, 6):
        made.put(json.dumps({"n": n}))
    until(lambda: made.trouble)
    with broker:
        watcher = Subscriber(broker.port, "a")
        until(lambda: made.sent == 6)
        made.close()
        until(lambda: len(watcher.of("a")) >= 5)
        watcher.close()
    assert {json.loads(text)["n"] for text in watcher.of("a")} >= {2, 3, 4, 5}
    assert made.lost == 0
