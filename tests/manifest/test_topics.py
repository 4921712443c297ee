"""`publish` and `subscribe`."""

from __future__ import annotations

import pytest

from copilot.manifest.topics import Queue, QueueFifo, Subscription, Topic, TopicFifo
from tests.manifest.parsing import API, JOB, WORKER, parsed, read_again, said

FULL = """\
subscribe:
  topics:
    - name: products
      service: orders
      filter_policy: {store: [example_corp], price: [{numeric: [">=", 100]}], new: [true]}
    - {name: returns, service: orders, queue: true}
    - name: stock
      service: warehouse
      queue: {timeout: 1h, dead_letter: {tries: 3}, fifo: {high_throughput: true}}
  queue:
    retention: 96h
    delay: 30s
    timeout: 45s
    dead_letter: {tries: 10}
    fifo: {content_based_deduplication: true, deduplication_scope: messageGroup, throughput_limit: perMessageGroupId}
publish:
  topics:
    - name: results
    - {name: events, fifo: true}
    - {name: alerts, fifo: {content_based_deduplication: true}}
"""


def test_every_key_of_what_it_subscribes_to() -> None:
    worker = parsed(WORKER + FULL)
    products, returns, stock = worker.subscribe.topics
    assert (products.name, products.service, products.queue) == ("products", "orders", None)
    assert products.filter_policy == {"store": ["example_corp"], "price": [{"numeric": [">=", 100]}], "new": [True]}
    assert returns.queue == Queue()
    assert (stock.queue.timeout, stock.queue.dead_letter.tries, stock.queue.fifo.high_throughput) == (3600.0, 3, True)
    queue = worker.subscribe.queue
    assert (queue.retention, queue.delay, queue.timeout, queue.dead_letter.tries) == (345600.0, 30.0, 45.0, 10)
    assert queue.fifo == QueueFifo(
        content_based_deduplication=True, deduplication_scope="messageGroup", throughput_limit="perMessageGroupId"
    )


def test_a_topic_is_ordered_as_its_queue_is() -> None:
    subscribe = parsed(WORKER + FULL).subscribe
    assert [subscribe.full_name(topic) for topic in subscribe.topics] == ["products.fifo", "returns", "stock.fifo"]


def test_every_key_of_what_it_publishes() -> None:
    results, events, alerts = parsed(WORKER + FULL).publish.topics
    assert (results.full_name, results.fifo) == ("results", None)
    assert (events.full_name, events.fifo) == ("events.fifo", TopicFifo())
    assert (alerts.full_name, alerts.fifo.content_based_deduplication) == ("alerts.fifo", True)


def test_only_what_is_needed() -> None:
    worker = parsed(WORKER)
    assert (worker.subscribe.topics, worker.subscribe.queue.model_dump(), worker.publish.topics) == (
        (), {"retention": None, "delay": None, "timeout": None, "dead_letter": None, "fifo": None}, (),
    )  # fmt: skip


@pytest.mark.parametrize("base", [API, JOB])
def test_all_kinds_publish(base: str) -> None:
    assert parsed(base + "publish: {topics: [{name: t}]}\n").publish.topics == (Topic(name="t"),)


def test_what_is_printed_can_be_read() -> None:
    worker = parsed(WORKER + FULL)
    again = read_again(worker)
    assert (again.subscribe, again.publish) == (worker.subscribe, worker.publish)


def test_overrides() -> None:
    text = WORKER + FULL + "environments: {prod: {subscribe: {topics: [{name: a, service: b}], queue: {fifo: false}}}}\n"
    prod = parsed(text).resolved("prod").subscribe
    assert prod.topics == (Subscription(name="a", service="b"),)
    assert (prod.queue.fifo, prod.queue.timeout) == (None, 45.0)


@pytest.mark.parametrize(
    ("written", "place", "message", "hint"),
    [
        ("publish: {topics: [{name: a b}]}", "4:27+3",
         "`name` in topic `a b` must have letters, digits, `-` and `_` only, at most 256", None),
        ("publish: {topics: [{name: a.fifo}]}", "4:27+6", "`name` in topic `a.fifo` must not end in `.fifo`",
         "write `a`; `fifo` adds the rest"),
        ("publish: {topics: [{name: a}, {name: a}]}", "4:38+1", "the topic `a` is there twice", "remove one of them"),
        ("publish: {topics: [a]}", "4:20+1", "item 1 of `publish.topics` must be a mapping of keys to values, not text", None),
        ("publish: {topics: [{name: a, fifo: maybe}]}", "4:36+5", "`fifo` in topic `a` must be true or false, not text", None),
        ("publish: {topic: []}", "4:11+5", "unknown key `topic` in `publish`", "did you mean `topics`?"),
        ("subscribe: {topics: [{name: a}]}", "4:22+1", "`service` is missing in topic `a`", None),
        ("subscribe: {topics: [{name: a, service: B}]}", "4:41+1",
         "`service` in topic `a` must begin with a lowercase letter, not `B`",
         "use lowercase letters, digits and single hyphens, such as `my-shop`"),
        ("subscribe: {topics: [{name: a, service: b}, {name: a, service: b}]}", "4:52+1", "the topic `a` of `b` is there twice",
         "remove one of them"),
        ("subscribe: {topics: [{name: a, service: b, filter_policy: x}]}", "4:59+1",
         "`filter_policy` in topic `a` must be a mapping of keys to values, not text", "such as `store: [example_corp]`"),
        ("subscribe: {queue: {retention: 30s}}", "4:32+3", "`subscribe.queue.retention` must be at least 60 seconds, not `30s`",
         None),
        ("subscribe: {queue: {delay: 16m}}", "4:28+3", "`subscribe.queue.delay` must be at most 900 seconds, not `16m`", None),
        ("subscribe: {queue: {timeout: 13h}}", "4:30+3",
         "`subscribe.queue.timeout` must be at most 43200 seconds, not `13h`", None),
        ("subscribe: {queue: {dead_letter: {tries: 0}}}", "4:42+1",
         "`subscribe.queue.dead_letter.tries` must be at least 1, not 0",
         None),
        ("subscribe: {queue: {fifo: {high_throughput: true, throughput_limit: perQueue}}}", "4:51+16",
         "`throughput_limit` does not go with `high_throughput`, which sets it", "remove one of them"),
        ("subscribe: {queue: {fifo: {throughput_limit: perMessageGroupId, deduplication_scope: queue}}}", "4:46+17",
         "`subscribe.queue.fifo.throughput_limit` must be `perQueue` with `deduplication_scope: queue`", None),
        ("subscribe: {queue: {fifo: {deduplication_scope: all}}}", "4:49+3",
         "`subscribe.queue.fifo.deduplication_scope` must be `queue` or `messageGroup`, not `all`", None),
        ("http: {path: /}", "4:1+4", "unknown key `http`", None),
    ],
)  # fmt: skip
def test_mistakes(written: str, place: str, message: str, hint: str | None) -> None:
    assert said(f"{WORKER}{written}\n") == [(place, message, hint)]


def test_only_a_worker_subscribes() -> None:
    assert [m for _, m, _ in said(API + "subscribe: {}\n")] == ["unknown key `subscribe`"]


def test_a_worker_has_no_port() -> None:
    assert [m for _, m, _ in said(WORKER.replace("}", ", port: 80}"))] == ["unknown key `port` in `image`"]
