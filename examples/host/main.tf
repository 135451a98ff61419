terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

resource "espalier_host" "mac_01" {
  name        = "mac-01"
  labels      = { rack = "a" }
  macos_slots = 1
  pull_mbps   = 2000
}
