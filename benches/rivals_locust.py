"""People who come at a rate, as far as Locust has one: a row of `make prove-rivals` (BENCH_LOCUST)."""

from locust import FastHttpUser, constant_throughput, task


class Person(FastHttpUser):
    wait_time = constant_throughput(2)
    network_timeout = 1.0
    connection_timeout = 1.0

    @task
    def get(self):
        self.client.get("/")
