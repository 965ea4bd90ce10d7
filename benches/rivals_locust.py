"""People who come at a rate, as far as Locust has one: a row of `make prove-rivals` (BENCH_LOCUST)."""

import random

import gevent
from locust import FastHttpUser, constant_throughput, task


class Person(FastHttpUser):
    wait_time = constant_throughput(2)
    network_timeout = 2.0
    connection_timeout = 2.0

    def on_start(self):
        # All users begin together, and would send together from then on.
        gevent.sleep(random.random() / 2)

    @task
    def get(self):
        self.client.get("/")
