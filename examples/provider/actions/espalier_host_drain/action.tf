terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

# terraform apply -invoke=action.espalier_host_drain.mac_01
action "espalier_host_drain" "mac_01" {
  config {
    name         = "mac-01"
    reason       = "disk swap"
    hold_seconds = 14400
    timeout      = "1h"
  }
}
