terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}

provider "espalier" {
  instance = "example"
}

data "espalier_hosts" "rack" {
  selector = { rack = "a" }
}

output "names" {
  value = data.espalier_hosts.rack.items[*].name
}
