"""Events handed to other programs as they happen: on stdout, in a file, by a web hook or by MQTT."""
