"""Many VMs at once: 500 on 250 simulated Macs with -parallelism=100, then a plan that is empty.
ESPALIER_SCALE_HOSTS sets another number of Macs, each of which takes two VMs."""
import os
import time
import unittest

from fleet import Fleet
from terraform import Terraform

HOSTS = int(os.environ.get("ESPALIER_SCALE_HOSTS", "250"))
VMS = 2 * HOSTS


class ScaleTest(unittest.TestCase):
    def test_all_run_and_nothing_is_left_to_do(self):
        with Fleet(hosts=HOSTS) as fleet, \
                Terraform(engine=fleet.engine, token=fleet.token) as terraform:
            terraform.write(f"""
              resource "espalier_vm" "many" {{
                count      = {VMS}
                name       = "vm-${{count.index}}"
                image      = "{fleet.image}"
                memory_mib = 2048
                timeouts   = {{ create = "8m" }}
              }}
              """)
            began = time.monotonic()
            terraform.apply("-parallelism=100", timeout=900)
            applied = time.monotonic()
            terraform.assert_no_changes()
            planned = time.monotonic()
            used = {}
            for resource in terraform.state().values():
                host = resource["values"]["status"]["host"]
                used[host] = used.get(host, 0) + 1
            self.assertEqual(sum(used.values()), VMS)
            self.assertEqual(set(used.values()), {2})
            terraform.destroy("-parallelism=100", timeout=900)
            print(f"{VMS} VMs: apply {applied - began:.1f} s, two empty plans "
                  f"{planned - applied:.1f} s, destroy {time.monotonic() - planned:.1f} s")


if __name__ == "__main__":
    unittest.main()
