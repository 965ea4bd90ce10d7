"""One GET after another, as fast as Locust's faster client can: a row of `make bench-http` (BENCH_LOCUST)."""

from locust import FastHttpUser, constant, task


class Getter(FastHttpUser):
    wait_time = constant(0)

    @task
    def get(self):
        self.client.get("/")
