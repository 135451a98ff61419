terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

resource "espalier_namespace" "ci" {
  name        = "ci"
  description = "runners of the build team"
  quota = {
    macos_slots = 20
    cpu         = 160
    memory_mib  = 655360
  }
}
