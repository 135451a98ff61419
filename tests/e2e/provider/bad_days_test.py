"""What an apply that is under way makes of bad days: an engine that is killed and comes back, one that
stays away, a token that ends, a second run on the same objects. What single calls make of every refusal
is provider/fault_test.cc."""
import signal
import socket
import threading
import unittest

from fleet import Fleet, wait_for
from terraform import Terraform


class SilentEngine:
    """Takes connections as an engine does and never answers a call."""

    def __init__(self):
        self.heard = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self._connections = []

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()
        for connection in self._connections:
            connection.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._listen, args=(connection,), daemon=True).start()

    def _listen(self, connection):
        # An empty frame of settings: that is all that a client waits for.
        connection.sendall(b"\0\0\0\x04\0\0\0\0\0")
        said = b""
        try:
            while more := connection.recv(4096):
                said += more
                if b"espalier.v1" in said:
                    self.heard.set()
        except OSError:
            pass


class BadDaysTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = cls.enterClassContext(Fleet(hosts=1))

    def waiting(self, name, timeout, **more):
        """An apply that waits for a VM that no host may run yet."""
        terraform = Terraform(engine=self.fleet.engine, **{"token": self.fleet.token, **more})
        self.addCleanup(terraform.__exit__)
        terraform.write(f"""
          resource "espalier_vm" "a" {{
            name        = "{name}"
            image       = "{self.fleet.image}"
            host_labels = {{ late = "{name}" }}
            timeouts    = {{ create = "{timeout}" }}
          }}
          """)
        process = terraform.start("apply", "-auto-approve", "-no-color")
        self.addCleanup(process.kill)
        wait_for(lambda: self.fleet.vm(name), "the VM")
        return terraform, process

    def let_run(self, name):
        """The only host gets the label that the VM waits for."""
        host = self.fleet.request("GET", "hosts/mac-01")
        self.fleet.request("PUT", "hosts/mac-01?override=test", {
            "apiVersion": "espalier/v1", "kind": "Host",
            "metadata": {"name": "mac-01", "labels": {"late": name}}, "spec": host["spec"]})

    def test_an_engine_that_is_killed_and_comes_back_is_waited_for(self):
        terraform, process = self.waiting("killed", "60s")
        self.fleet.restart_engine()
        self.let_run("killed")
        out, _ = process.communicate(timeout=90)
        self.assertEqual(process.returncode, 0, out)
        self.assertEqual(terraform.state("espalier_vm.a")["uid"], self.fleet.vm("killed")["metadata"]["uid"])
        terraform.assert_no_changes()
        terraform.destroy()

    def test_an_engine_that_stays_away_leaves_the_uid_in_state(self):
        terraform, process = self.waiting("away", "6s")
        uid = self.fleet.vm("away")["metadata"]["uid"]
        self.fleet.kill_engine()
        try:
            out, _ = process.communicate(timeout=60)
        finally:
            self.fleet.restart_engine()
        self.assertEqual(process.returncode, 1, out)
        self.assertIn("Created vm default/away, but it is not ready yet", out)
        state = terraform.state()["espalier_vm.a"]
        self.assertTrue(state["tainted"])
        self.assertEqual(state["values"]["uid"], uid)
        terraform.destroy()
        self.assertIsNone(self.fleet.vm("away"))

    def test_a_token_that_ends_meanwhile_is_named_and_nothing_is_lost(self):
        terraform, process = self.waiting("ended", "60s", token=self.fleet.make_token("admin", "--ttl", "5s"))
        out, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1, out)
        self.assertIn("token", out.split("Error:")[1])
        state = terraform.state()["espalier_vm.a"]
        self.assertTrue(state["tainted"])
        self.assertEqual(state["values"]["uid"], self.fleet.vm("ended")["metadata"]["uid"])
        self.assertIn("have ended", " ".join(terraform.fails("plan").split()))
        terraform.env["ESPALIER_TOKEN"] = self.fleet.token
        terraform.destroy()
        self.assertIsNone(self.fleet.vm("ended"))

    def test_an_interrupt_ends_a_call_that_the_engine_does_not_answer(self):
        with SilentEngine() as engine, Terraform(engine=engine.address, token="t") as terraform:
            terraform.write("""
              provider "espalier" { request_timeout = "1h" }
              resource "espalier_namespace" "a" { name = "a" }
              """)
            # While it plans for an apply, core listens to nobody.
            process = terraform.start("plan", "-no-color")
            self.addCleanup(process.kill)
            self.assertTrue(engine.heard.wait(60))
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 1, out)
            self.assertIn("the run was interrupted", out)

    def test_a_second_run_on_the_same_objects_is_refused_by_the_plan(self):
        terraform, process = self.waiting("shared", "60s")
        with Terraform(engine=self.fleet.engine, token=self.fleet.token) as second:
            with open(terraform.directory + "/main.tf") as body:
                second.write(body.read().split("}\n}\n", 1)[1])
            self.assertIn("import it as default/shared", second.fails("apply", "-auto-approve"))
        self.let_run("shared")
        out, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, out)
        terraform.destroy()


if __name__ == "__main__":
    unittest.main()
