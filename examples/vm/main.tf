terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

resource "espalier_vm" "signing" {
  name       = "signing"
  image      = "registry.example/macos/sonoma:14.6"
  cpu        = 4
  memory_mib = 8192

  ports = {
    http = { guest = 8080 }
  }

  guest_metadata = { role = "signing" }
}
