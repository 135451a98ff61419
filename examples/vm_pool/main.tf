terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

resource "espalier_vm_pool" "runners" {
  name     = "runners"
  replicas = 3

  template = {
    image      = "registry.example/macos/sonoma:14.6"
    cpu        = 3
    memory_mib = 4096
  }
}
