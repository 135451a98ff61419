"""Objects that come into a state which did not make them: imported by id and by identity, with the
configuration that is generated for them, and moved between addresses of the provider."""
import os
import unittest

from clis import at_least, every
from fleet import Fleet
from kinds import KINDS
from terraform import HEADER, Terraform

IDS = {kind: "default" if kind == "cluster" else "default/x" if kind == "vm_pool" else "x" for kind in KINDS}


class ImportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = cls.enterClassContext(Fleet(hosts=1))
        cls.maker = cls.enterClassContext(Terraform(cls.fleet.engine, cls.fleet.token))
        body = ""
        for kind, (first, more) in KINDS.items():
            values = {"name": '"x"', **first, **more}
            lines = "".join(f"  {name} = {value}\n" for name, value in values.items() if name != "digest")
            body += f'resource "espalier_{kind}" "x" {{\n{lines}}}\n'
        cls.maker.write(body.replace("@REGISTRY@", cls.fleet.registry.address))
        cls.addClassCleanup(cls.maker.destroy)
        cls.maker.apply()

    def terraform(self, body, **more):
        terraform = self.enterContext(Terraform(self.fleet.engine, self.fleet.token, **more))
        terraform.write(body)
        return terraform

    def assert_imports_as_made(self, terraform):
        """What is generated plans nothing but the imports, and they give the state of who made them."""
        terraform.run("plan", "-generate-config-out=generated.tf")
        out = terraform.run("plan", "-no-color")
        self.assertIn(f"Plan: {len(KINDS)} to import, 0 to add, 0 to change, 0 to destroy.", out)
        terraform.apply()
        terraform.assert_no_changes()
        made = {address: resource["values"] for address, resource in self.maker.state().items()}
        self.assertEqual({address: resource["values"] for address, resource in terraform.state().items()}, made)

    def test_point_47_48_every_kind_by_id_with_generated_configuration(self):
        for cli in every():
            with self.subTest(cli=cli.title):
                body = "".join(f'import {{\n  to = espalier_{kind}.x\n  id = "{IDS[kind]}"\n}}\n' for kind in KINDS)
                self.assert_imports_as_made(self.terraform(body, cli=cli))

    def test_point_49_every_kind_by_identity(self):
        body = ""
        for kind in KINDS:
            *ns, name = IDS[kind].split("/")
            namespace = f'namespace = "{ns[0]}", ' if ns else ""
            body += f'import {{\n  to = espalier_{kind}.x\n  identity = {{ {namespace}name = "{name}" }}\n}}\n'
        self.assert_imports_as_made(self.terraform(body, cli=at_least(1, 12)))

    def test_point_48_our_generator_leaves_out_what_need_not_be_said(self):
        terraform = self.terraform('import {\n  to = espalier_host.x\n  id = "x"\n}\n', cli=at_least(1, 14))
        terraform.run("plan", "-generate-config-out=generated.tf")
        with open(os.path.join(terraform.directory, "generated.tf")) as generated:
            text = generated.read()
        self.assertRegex(text, r'name +\= "x"')
        self.assertRegex(text, r"macos_slots +\= 1")
        for line in text.splitlines():
            self.assertNotRegex(line, r"^ *(uid|id|status) ")

    def test_point_47_a_namespace_left_out_is_the_providers(self):
        terraform = self.terraform("""
          provider "espalier" { namespace = "default" }
          import {
            to       = espalier_vm_pool.x
            identity = { name = "x" }
          }
          """, cli=at_least(1, 12))
        out = terraform.run("plan", "-no-color", "-generate-config-out=generated.tf")
        self.assertIn("1 to import", out)

    def test_point_47_a_wrong_form_is_answered_with_the_right_one(self):
        terraform = self.terraform('resource "espalier_vm_pool" "x" {\n  name = "x"\n  replicas = 0\n'
                                   '  template = { image = "none" }\n}')
        out = terraform.fails("import", "espalier_vm_pool.x", "a/b/c")
        self.assertIn('"ci/build"', out)
        self.assertIn('"a/b/c" is not one', out)
        self.assertIn("no such object", terraform.fails("import", "espalier_vm_pool.x", "default/none"))

    def test_point_49_a_wrong_identity_is_answered_with_the_right_one(self):
        terraform = self.terraform("""
          import {
            to       = espalier_vm_pool.x
            identity = { name = "default/x" }
          }
          """, cli=at_least(1, 12))
        out = terraform.fails("plan", "-generate-config-out=generated.tf")
        self.assertIn('{ namespace = "ci", name = "build" }', out)

    def moving(self, name, kind):
        """A configuration with the provider at two addresses. State holds the namespace `name` of the
        other one, and it is to become an object of this kind of ours."""
        terraform = self.terraform("")
        terraform.override("espalier/espalier", "mirror/espalier")
        both = HEADER.replace("}\n  }", '}\n    mirror = { source = "mirror/espalier" }\n  }')
        terraform.write(f"""
          resource "espalier_namespace" "old" {{
            provider = mirror
            name     = "{name}"
          }}
          """, header=both)
        terraform.apply()
        terraform.write(f"""
          resource "espalier_{kind}" "new" {{ name = "{name}" }}
          moved {{
            from = espalier_namespace.old
            to   = espalier_{kind}.new
          }}
          """, header=both)
        return terraform

    def test_point_51_an_object_moves_between_addresses_of_the_provider(self):
        terraform = self.moving("moved", "namespace")
        before = terraform.state("espalier_namespace.old")
        self.assertIn("0 to add, 0 to change, 0 to destroy", terraform.run("plan", "-no-color"))
        terraform.apply()
        self.assertEqual(terraform.state("espalier_namespace.new"), before)
        terraform.destroy()

    def test_point_51_an_object_does_not_become_another_kind(self):
        terraform = self.moving("stays", "host")
        out = terraform.fails("plan")
        self.assertIn("Cannot move between types", out)
        self.assertIn("`removed` block", out)
        self.assertIn("espalier_namespace.old", terraform.state())


if __name__ == "__main__":
    unittest.main()
