#!/usr/bin/env python3
"""A subscriber to quittance's events, in one file: see README.md beside it for the rules it keeps."""

import argparse
import json
import signal
import sqlite3
import sys

import pika

SCHEMA = """
create table if not exists orders (
    subject text primary key, sequence integer not null, status text, entitled integer, paid integer not null
)
"""
# A snapshot of an older sequence than the one we hold is old news: the row stays as it is.
APPLY = """
insert into orders (subject, sequence, status, entitled, paid) values (?, ?, ?, ?, ?)
on conflict (subject) do update
set sequence = excluded.sequence, status = excluded.status, entitled = excluded.entitled,
    paid = orders.paid + excluded.paid
where excluded.sequence > orders.sequence
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="amqp://guest:guest@127.0.0.1:5672/%2f")
    parser.add_argument("--exchange", default="quittance.fulfilment")
    parser.add_argument("--queue", default="example.subscriber")
    parser.add_argument("--binding", default="order.#", help="routing keys, such as order.paid.v1 or order.#")
    parser.add_argument("--state", default="orders.sqlite3")
    arguments = parser.parse_args()

    state = sqlite3.connect(arguments.state)
    state.execute(SCHEMA)
    connection = pika.BlockingConnection(pika.URLParameters(arguments.url))
    channel = connection.channel()
    channel.queue_declare(arguments.queue, durable=True, arguments={"x-queue-type": "quorum"})
    channel.queue_bind(arguments.queue, arguments.exchange, arguments.binding)
    channel.basic_qos(prefetch_count=100)

    def on_event(channel, method, _properties, body):
        event = json.loads(body)
        data = event["data"]
        paid = int(event["type"] == "io.quittance.order.paid.v1")
        with state:  # commits, or rolls back and raises
            state.execute(
                APPLY,
                (event["subject"], event["sequencenumber"], data.get("status"), data.get("entitled"), paid),
            )
        channel.basic_ack(method.delivery_tag)

    channel.basic_consume(arguments.queue, on_event)
    signal.signal(signal.SIGTERM, lambda *_: connection.add_callback_threadsafe(channel.stop_consuming))
    print("ready", flush=True)
    channel.start_consuming()
    connection.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
