terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

data "espalier_host" "mac_01" {
  name = "mac-01"
}

output "macos_slots" {
  value = data.espalier_host.mac_01.macos_slots
}
