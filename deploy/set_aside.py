"""Takes messages out of a queue that no program of ours can parse, and keeps them in files.

AMQP wants names and short properties (message id, type, content type) in UTF-8. RabbitMQ does not look, and a client
that meets other bytes loses its connection, again and again. Stop whoever reads the queue, run this, start them again:

    pip install pika
    python set_aside.py --url amqp://… --queue quittance.notifications.0 --folder set-aside

It looks at the first messages of the queue. What can be parsed goes back to its place.
"""

import argparse
import os
import pathlib
import uuid

import pika


def is_text(properties):
    """Does everything that must be UTF-8 decode? pika leaves as bytes what does not."""
    short = [value for name, value in vars(properties).items() if name != "headers"]
    return not any(isinstance(value, bytes) for value in short + list(properties.headers or {}))


def keep(folder, properties, body):
    """Safe on the disk before the broker is told that it may forget it."""
    name = folder / str(uuid.uuid4())
    for suffix, data in ((".body", body), (".properties", repr(vars(properties)).encode())):
        with open(name.with_suffix(suffix), "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    return name


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--queue", required=True)
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("--look", type=int, default=1_000, help="how many messages to look at")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    connection = pika.BlockingConnection(pika.URLParameters(arguments.url))
    channel = connection.channel()
    for _ in range(arguments.look):
        method, properties, body = channel.basic_get(arguments.queue)
        if method is None:
            break
        if not is_text(properties):
            print("set aside:", keep(arguments.folder, properties, body))
            channel.basic_ack(method.delivery_tag)
    connection.close()


if __name__ == "__main__":
    main()
